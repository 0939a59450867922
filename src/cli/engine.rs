//! The engines that can run a network.

use std::time::Duration;

use clap::ValueEnum;
use sartor::{Level, Model, Network, Session, Weights};

use super::failure::Failure;
use super::progress;

/// Which engine.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The program compiled for this network
    Specialised,
    /// Every operator at run-time shapes
    Generic,
    /// Plain loops in f64
    Reference,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Specialised => "specialised",
            Kind::Generic => "generic",
            Kind::Reference => "reference",
        }
    }
}

/// A network ready to run.
pub struct Engine {
    pub model: Model,
    pub session: Session,
    /// How long compiling took; `None` if the program came from the cache.
    pub built: Option<Duration>,
}

impl Engine {
    pub fn open(
        kind: Kind,
        network: &Network,
        weights: &Weights,
        level: Level,
        batch: usize,
        threads: usize,
    ) -> Result<Self, Failure> {
        if kind != Kind::Specialised {
            return Err(
                Failure::new(format!("engine {} is not part of this build", kind.name())).help("use --engine specialised")
            );
        }
        let model =
            progress::spin(format!("compiling {} for {level}", network.name), || Model::open(network, weights, level, batch))?;
        let session = model.session(threads)?;
        let built = model.built();
        Ok(Self { model, session, built })
    }

    /// Runs the whole network once.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), Failure> {
        Ok(self.session.run(input, output)?)
    }
}
