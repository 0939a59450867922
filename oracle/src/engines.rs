//! All that is judged.

use std::collections::BTreeMap;

use sartor::judge::engines::{GenericEngine, ReferenceEngine};
use sartor_codegen::compile::plan;
use sartor_codegen::interpret;
use sartor_codegen::lab::Winograd;
use sartor_codegen::network::normalize::normalize;
use sartor_codegen::network::pack::pack;
use sartor_codegen::network::winograd::winograd;
use sartor_codegen::schedule::Options;
use sartor_kernels::runtime::Level;
use sartor_models::{Network, NodeId, Weights};
use tch::{Kind, Tensor};

use crate::engine::Engine;
use crate::observe::Maps;
use crate::torch::{Torch, ids, tensor};

/// PyTorch in f32: if it does not pass, the tolerances are wrong.
pub struct Pytorch;

impl Engine for Pytorch {
    fn name(&self) -> String {
        "PyTorch".into()
    }

    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let input = tensor(input, batch, network.input_shape());
        Ok(ids(network).zip(Torch::new(network, weights).run(&input, Kind::Float)).collect())
    }
}

/// The project's definition of right, rounded to f32 after each operator.
pub struct Reference;

impl Engine for Reference {
    fn name(&self) -> String {
        "reference".into()
    }

    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let mut values = BTreeMap::new();
        let engine = ReferenceEngine::new(network, weights).map_err(|error| error.to_string())?;
        let visit = |id: NodeId, exact: &[f64]| {
            let rounded: Vec<f32> = exact.iter().map(|&x| x as f32).collect();
            values.insert(id, tensor(&rounded, batch, network.node(id).shape));
        };
        engine.run_each(input, batch, visit).map_err(|error| error.to_string())?;
        Ok(values)
    }
}

/// The engine that runs a network without compiling it.
pub struct Generic {
    /// The level.
    pub at: Level,
}

impl Engine for Generic {
    fn name(&self) -> String {
        format!("generic on {}", self.at)
    }

    fn level(&self) -> Option<&'static str> {
        Some(self.at.name())
    }

    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let mut values = BTreeMap::new();
        let mut engine = GenericEngine::new(network, weights, self.at).map_err(|error| error.to_string())?;
        let visit = |id: NodeId, value: Vec<f32>| {
            values.insert(id, tensor(&value, batch, network.node(id).shape));
        };
        engine.run_each(input, batch, visit).map_err(|error| error.to_string())?;
        Ok(values)
    }
}

/// The compiler's plan for a level, interpreted: every level on every machine, without a compiler.
pub struct Interpreter {
    /// The level.
    pub at: Level,
    /// Whether layers share stages, as in programs; without, every layer's map can be judged by itself.
    pub fuse: bool,
    /// Whether 3x3 convolutions are computed by Winograd's tiles, wherever that is possible.
    pub winograd: bool,
}

impl Engine for Interpreter {
    fn name(&self) -> String {
        let tiles = if self.winograd { ", Winograd" } else { "" };
        format!("{} plan, interpreted, {}{tiles}", self.at, if self.fuse { "fused" } else { "layer by layer" })
    }

    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let layers = normalize(network, weights).map_err(|error| error.to_string())?;
        let layers = if self.winograd { winograd(&layers, Winograd::Two, |_| true) } else { layers };
        let packed = pack(&layers);
        let options = Options { batch, fuse: self.fuse, ..Options::new(self.at) };
        let plan = plan(&layers, &packed, &options).map_err(|error| error.to_string())?;
        let mut maps = Maps::new(&plan, network, input);
        let mut memory = interpret::memory(&plan, &packed.data, input);
        for index in 0..plan.stages.len() {
            interpret::stage(&plan, index, 2, &mut memory);
            maps.take(index, &memory.arena);
        }
        Ok(maps.finish(&interpret::output(&plan, &memory)))
    }
}

/// Every engine that takes no compiler, for sweeping shapes.
pub fn quick() -> Vec<Box<dyn Engine>> {
    let mut engines = uncompiled();
    for at in Level::ALL {
        for (fuse, winograd) in [(true, false), (false, false), (true, true)] {
            engines.push(Box::new(Interpreter { at, fuse, winograd }));
        }
    }
    engines
}

/// Every engine that computes whole networks in seconds and without a compiler.
pub fn uncompiled() -> Vec<Box<dyn Engine>> {
    let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(Pytorch), Box::new(Reference)];
    engines.extend(levels().into_iter().map(|at| Box::new(Generic { at }) as _));
    engines
}

/// The levels of this machine; those that another architecture has are none of its own.
pub fn levels() -> Vec<Level> {
    Level::ALL.into_iter().filter(|level| level.is_available()).collect()
}
