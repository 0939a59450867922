//! The engine that runs a network.

use std::time::Duration;

use clap::ValueEnum;
use sartor::Tunings;
use sartor::judge::engines::{GenericEngine, ReferenceEngine};
use sartor::{Level, Model, Network, Session, Weights};

use crate::cli::failure::Failure;
use crate::cli::progress;

/// The engines to choose from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// The program compiled for this network
    Specialised,
    /// Operators that get their shapes at run time
    Generic,
    /// Plain loops in f64
    Reference,
}

impl EngineKind {
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Specialised => "specialised",
            EngineKind::Generic => "generic",
            EngineKind::Reference => "reference",
        }
    }
}

/// A network that is ready to run on an engine.
pub enum Engine<'a> {
    Specialised { model: Box<Model>, session: Session },
    Generic(Box<GenericEngine>),
    Reference(ReferenceEngine<'a>),
}

impl<'a> Engine<'a> {
    pub fn open(
        kind: EngineKind,
        network: &'a Network,
        weights: &'a Weights,
        level: Level,
        threads: usize,
        tunings: &Tunings,
    ) -> Result<Self, Failure> {
        if kind != EngineKind::Specialised && threads != 1 {
            let message = format!("--threads is {threads}, but the {} engine runs on one thread", kind.name());
            return Err(Failure::new(message).help("use --threads 1 or --engine specialised"));
        }
        Ok(match kind {
            EngineKind::Specialised => {
                let title = format!("compiling {} for {level}", network.name);
                let model = progress::spin(title, || Model::open_tuned(network, weights, level, threads, tunings))?;
                let session = model.session(threads)?;
                Engine::Specialised { model: Box::new(model), session }
            }
            EngineKind::Generic => Engine::Generic(Box::new(GenericEngine::new(network, weights, level)?)),
            EngineKind::Reference => Engine::Reference(ReferenceEngine::new(network, weights)?),
        })
    }

    /// How long compiling took; `None` if nothing was compiled.
    pub fn built(&self) -> Option<Duration> {
        match self {
            Engine::Specialised { model, .. } => model.built(),
            _ => None,
        }
    }

    /// Runs the whole network once. The outputs go to `output`, one after another.
    pub fn run(&mut self, input: &[f32], batch: usize, output: &mut [f32]) -> Result<(), Failure> {
        let outputs = match self {
            Engine::Specialised { session, .. } => return Ok(session.run(input, output)?),
            Engine::Generic(engine) => engine.run(input, batch)?,
            Engine::Reference(engine) => engine.run(input, batch)?,
        };
        output.copy_from_slice(&outputs.concat());
        Ok(())
    }
}
