//! Sartor among the engines of `peers/`: a network of the zoo, with the weights that `sartor export` draws, or an ONNX file of one input. The
//! answer is the first output.

use sartor::models::import::{ImportOptions, Imported};
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Network, Weights};
use sartor_turns::{Failure, Job, Run, serve};

fn main() -> Result<(), Failure> {
    serve(|job| if job.model.ends_with(".onnx") { file(&job) } else { zoo(job) })
}

fn zoo(job: Job) -> Result<Run, Failure> {
    let network = job.model.parse::<Spec>()?.build()?;
    let model = Model::open(&network, &Weights::random(&network, 0), Level::best()?)?;
    let mut session = model.session(job.threads)?;
    let mut output = vec![0.0; job.input.len() / model.program().input_len() * model.program().output_len()];
    Ok(Box::new(move || {
        session.run(&job.input, &mut output)?;
        Ok(output.clone())
    }))
}

/// Inputs and outputs are in the file's order.
fn file(job: &Job) -> Result<Run, Failure> {
    let Imported { network, weights, interface, .. } = Network::from_onnx(&job.model, &ImportOptions::default())?;
    let model = Model::open(&network, &weights, Level::best()?)?;
    let mut session = model.session(job.threads)?;
    let input = interface.inputs[0].map_of(&job.input);
    let mut output = vec![0.0; model.program().output_len()];
    let first = interface.outputs.into_iter().next().ok_or("the file has no outputs")?;
    let (len, is_in_order) = (first.shape.len(), first.is_in_order());
    Ok(Box::new(move || {
        session.run(&input, &mut output)?;
        Ok(if is_in_order { output[..len].to_vec() } else { first.tensor_of(&output[..len]) })
    }))
}
