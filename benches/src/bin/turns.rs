//! Sartor among the engines of `peers/`: a network of the zoo, with the weights that `sartor export` draws.

use sartor::models::zoo::Spec;
use sartor::{Level, Model, Weights};
use sartor_turns::{Failure, serve};

fn main() -> Result<(), Failure> {
    serve(|job| {
        let network = job.model.parse::<Spec>()?.build()?;
        let batch = job.input.len() / network.input_shape().len();
        let model = Model::open(&network, &Weights::random(&network, 0), Level::best()?, batch)?;
        let mut session = model.session(job.threads)?;
        let mut output = vec![0.0; model.program().output_len];
        Ok(Box::new(move || {
            session.run(&job.input, &mut output)?;
            Ok(output.clone())
        }))
    })
}
