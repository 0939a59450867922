//! The engine that runs a network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use sartor::Tunings;
use sartor::compile::in_plan::{InPlan, in_plan};
use sartor::judge::engines::{GenericEngine, ReferenceEngine};
use sartor::judge::values::of_program;
use sartor::kernels::reference;
use sartor::models::NodeId;
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
    Specialised { model: Arc<Model>, session: Session },
    Generic(Box<GenericEngine>),
    Reference(ReferenceEngine<'a>),
}

impl<'a> Engine<'a> {
    /// The multiply-accumulates that the engine computes of a network, for one image.
    pub fn macs(&self, network: &Network) -> u64 {
        match self {
            Engine::Specialised { model, .. } => model.planned().macs(),
            Engine::Generic(_) | Engine::Reference(_) => network.macs(),
        }
    }

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
                Engine::Specialised { model: Arc::new(model), session }
            }
            EngineKind::Generic => Engine::Generic(Box::new(GenericEngine::new(network, weights, level)?)),
            EngineKind::Reference => Engine::Reference(ReferenceEngine::new(network, weights)?),
        })
    }

    /// Another one of the same kind and level, on one thread. They share the program.
    pub fn another(&self, network: &'a Network, weights: &'a Weights) -> Result<Self, Failure> {
        Ok(match self {
            Engine::Specialised { model, .. } => Engine::Specialised { model: model.clone(), session: model.session(1)? },
            Engine::Generic(engine) => Engine::Generic(Box::new(GenericEngine::new(network, weights, engine.level())?)),
            Engine::Reference(_) => Engine::Reference(ReferenceEngine::new(network, weights)?),
        })
    }

    /// How long compiling took; `None` if nothing was compiled.
    pub fn built(&self) -> Option<Duration> {
        match self {
            Engine::Specialised { model, .. } => model.built(),
            _ => None,
        }
    }

    /// The values of those of the nodes that the engine has whole, each NCHW over all images.
    pub fn values(
        &mut self,
        network: &Network,
        weights: &Weights,
        (input, batch): (&[f32], usize),
        wanted: &BTreeSet<NodeId>,
    ) -> Result<BTreeMap<NodeId, Vec<f32>>, Failure> {
        let mut values = BTreeMap::new();
        match self {
            Engine::Specialised { model, .. } => return Ok(of_program(model, network, weights, input, wanted)?),
            Engine::Generic(engine) => engine.run_each(input, batch, |id, value| {
                if wanted.contains(&id) {
                    values.insert(id, value);
                }
            })?,
            Engine::Reference(engine) => engine.run_each(input, batch, |id, value| {
                if wanted.contains(&id) {
                    values.insert(id, reference::round(value));
                }
            })?,
        }
        Ok(values)
    }

    /// The layer of the compiled program that a node is fused in.
    pub fn layer_of(&self, network: &Network, node: NodeId) -> Option<String> {
        let Engine::Specialised { model, .. } = self else { return None };
        let plan = &model.planned().plan;
        match in_plan(network, plan)[node.0] {
            InPlan::Layer { layer, .. } => Some(plan.layers[layer].name.clone()),
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
