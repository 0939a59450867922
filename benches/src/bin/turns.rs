//! Sartor among the engines of `peers/`: a network of the zoo, with the weights that `sartor export` draws.

use sartor::models::zoo::Spec;
use sartor::{Level, Model, Weights};
use sartor_turns::{Failure, serve};

fn main() -> Result<(), Failure> {
    serve(|job| {
        let network = job.model.parse::<Spec>()?.build()?;
        let model = Model::open(&network, &Weights::random(&network, 0), Level::best()?)?;
        let mut session = model.session(job.threads)?;
        let mut output = vec![0.0; job.input.len() / model.program().input_len() * model.program().output_len()];
        Ok(Box::new(move || {
            session.run(&job.input, &mut output)?;
            Ok(output.clone())
        }))
    })
}
