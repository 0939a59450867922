//! rten on an ONNX file.

use std::sync::Arc;

use rten::{Dimension, Model, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use sartor_turns::{Failure, serve};

fn main() -> Result<(), Failure> {
    serve(|job| {
        let model = Model::load_file(&job.model)?;
        let dimensions = model.input_shape(0).ok_or("the input's shape is not fixed")?;
        let shape: Vec<usize> =
            dimensions.iter().filter_map(|d| if let Dimension::Fixed(n) = d { Some(*n) } else { None }).collect();
        let shape: [usize; 4] = shape.try_into().map_err(|_| "the input is not four fixed dimensions")?;
        let input = NdTensor::from_data(shape, job.input);
        let pool = Arc::new(ThreadPool::with_num_threads(job.threads));
        Ok(Box::new(move || {
            let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
            let answer = model.run_one(input.view().into(), Some(options))?;
            let answer: rten_tensor::Tensor<f32> = answer.try_into()?;
            Ok(answer.to_vec())
        }))
    })
}
