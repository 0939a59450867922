//! What is judged: everything that computes a network.

use std::collections::BTreeMap;

use sartor::Model;
use sartor::engine::{GenericEngine, ReferenceEngine};
use sartor_codegen::interpret;
use sartor_codegen::layer::MapId;
use sartor_codegen::normalize::normalize;
use sartor_codegen::pack::pack;
use sartor_codegen::plan::{Options, Place, Plan, plan};
use sartor_kernels::runtime::Level;
use sartor_models::{Network, NodeId, Weights};
use tch::{Kind, Tensor};

use crate::torch::{Torch, ids, tensor};

/// Something that computes a network.
pub trait Engine {
    /// For messages.
    fn name(&self) -> String;

    /// The level it runs on, for the count of what was checked there.
    fn level(&self) -> Option<&'static str>;

    /// The values of all nodes that it keeps, among them the input and the outputs, for `batch` inputs in PyTorch's order.
    ///
    /// # Errors
    /// If it does not support the network: why.
    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String>;
}

/// PyTorch in f32: if it does not pass, the tolerances are wrong.
pub struct Pytorch;

impl Engine for Pytorch {
    fn name(&self) -> String {
        "PyTorch".into()
    }

    fn level(&self) -> Option<&'static str> {
        None
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

    fn level(&self) -> Option<&'static str> {
        None
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
}

impl Engine for Interpreter {
    fn name(&self) -> String {
        format!("{} plan, interpreted, {}", self.at, if self.fuse { "fused" } else { "layer by layer" })
    }

    fn level(&self) -> Option<&'static str> {
        None
    }

    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let layers = normalize(network, weights).map_err(|error| error.to_string())?;
        let packed = pack(&layers);
        let options = Options { batch, fuse: self.fuse, ..Options::new(self.at) };
        let plan = plan(&layers, &packed, options).map_err(|error| error.to_string())?;
        let mut maps = Maps::new(&plan, network, input);
        let mut memory = interpret::memory(&plan, &packed.data, input);
        for index in 0..plan.stages.len() {
            interpret::stage(&plan, index, 2, &mut memory);
            maps.take(index, &memory.arena);
        }
        Ok(maps.finish(&interpret::output(&plan, &memory)))
    }
}

/// The compiled program of a level.
pub struct Program {
    /// The level.
    pub at: Level,
}

impl Engine for Program {
    fn name(&self) -> String {
        format!("program for {}", self.at)
    }

    fn level(&self) -> Option<&'static str> {
        Some(self.at.name())
    }

    /// Runs stage by stage on one thread and reads each stage's maps, and again as users do, on two threads.
    ///
    /// # Panics
    /// If the two runs differ in a bit.
    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let model = Model::open(network, weights, self.at, batch).map_err(|error| error.to_string())?;
        let mut session = model.session(2).map_err(|error| error.to_string())?;
        let plan = &model.plan().program;
        let mut maps = Maps::new(plan, network, input);
        let mut output = vec![f32::NAN; model.program().output_len];
        for (index, stage) in model.program().stages().iter().enumerate() {
            session.run_units(index, 0, stage.units, input, &mut output).map_err(|error| error.to_string())?;
            if index < plan.stages.len() {
                maps.take(index, session.arena());
            }
        }
        let mut together = vec![f32::NAN; output.len()];
        session.run(input, &mut together).map_err(|error| error.to_string())?;
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&output), bits(&together), "{}: one thread stage by stage, and two threads", network.name);
        Ok(maps.finish(&output))
    }
}

/// The values of a plan's layers, read from its arena after each stage. Maps that live inside a stage never get there.
struct Maps<'a> {
    plan: &'a Plan,
    network: &'a Network,
    values: BTreeMap<NodeId, Tensor>,
}

impl<'a> Maps<'a> {
    fn new(plan: &'a Plan, network: &'a Network, input: &[f32]) -> Self {
        let input = tensor(input, plan.options.batch, network.input_shape());
        Self { plan, network, values: BTreeMap::from([(NodeId(0), input)]) }
    }

    /// Reads the maps that a stage completed: it holds the last layer that writes them.
    ///
    /// # Panics
    /// If a lane without a channel is not zero.
    fn take(&mut self, stage: usize, arena: &[f32]) {
        let layers = &self.plan.layers.layers;
        for &index in &self.plan.stages[stage].layers {
            let map = layers[index].dst();
            if layers[index + 1..].iter().all(|later| later.dst() != map) {
                self.read(map, arena);
            }
        }
    }

    fn read(&mut self, id: MapId, arena: &[f32]) {
        let Place::Arena { offset } = self.plan.places[id.0] else { return };
        let map = &self.plan.layers.maps[id.0];
        let (pitch, pixels, batch) = (self.plan.pitch(id), map.h * map.w, self.plan.options.batch);
        let rows: Vec<&[f32]> = arena[offset..][..batch * pixels * pitch].chunks_exact(pitch).collect();
        assert!(rows.iter().all(|row| row[map.c..].iter().all(|&x| x == 0.0)), "{}: a pad lane is not zero", map.name);
        for value in self.plan.layers.layers.iter().map(|layer| &layer.value).filter(|value| value.map == id) {
            let of_image = |rows: &[&[f32]]| -> Vec<f32> {
                value.lanes.iter().flat_map(|&lane| rows.iter().map(move |row| row[lane])).collect()
            };
            let nchw: Vec<f32> = rows.chunks_exact(pixels).flat_map(of_image).collect();
            self.values.insert(value.node, tensor(&nchw, batch, self.network.node(value.node).shape));
        }
    }

    /// Adds the outputs, one after another in the program's output.
    fn finish(mut self, mut output: &[f32]) -> BTreeMap<NodeId, Tensor> {
        let batch = self.plan.options.batch;
        for &id in self.network.outputs() {
            let shape = self.network.node(id).shape;
            let (values, rest) = output.split_at(batch * shape.len());
            self.values.insert(id, tensor(values, batch, shape));
            output = rest;
        }
        assert!(output.is_empty(), "the program has more outputs than the network");
        self.values
    }
}

/// Every engine that takes no compiler, for sweeping shapes.
pub fn quick() -> Vec<Box<dyn Engine>> {
    let mut engines = uncompiled();
    for at in Level::ALL {
        for fuse in [true, false] {
            engines.push(Box::new(Interpreter { at, fuse }));
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

/// The compiled program of every level of this machine; each costs seconds of compiling.
pub fn programs() -> Vec<Box<dyn Engine>> {
    levels().into_iter().map(|at| Box::new(Program { at }) as _).collect()
}

/// The levels of this machine; those that another architecture has are none of its own.
fn levels() -> Vec<Level> {
    Level::ALL.into_iter().filter(|level| level.is_available()).collect()
}
