//! tract on an ONNX file.

use sartor_turns::{Failure, serve};
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

fn main() -> Result<(), Failure> {
    serve(|job| {
        if job.threads > 1 {
            set_default_executor(Executor::multithread(job.threads));
        }
        let model = tract_onnx::onnx().model_for_path(&job.model)?.into_optimized()?;
        let shape: Vec<usize> = model.input_fact(0)?.shape.as_concrete().ok_or("the input's shape is not fixed")?.to_vec();
        let input = Tensor::from_shape(&shape, &job.input)?;
        let mut state = model.into_runnable()?.spawn()?;
        let input: TValue = input.into();
        Ok(Box::new(move || {
            let answers = state.run(tvec!(input.clone()))?;
            Ok(answers[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
        }))
    })
}
