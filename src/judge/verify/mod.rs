//! Compiled programs against the f64 reference, layer by layer and as a whole.
//!
//! Each layer is judged twice: by what it made of the maps that it read, within a bound that is derived from the roundings of f32; and
//! by what the network's node must be, given the images, within what rounding in all layers before it explains.

mod layer;
mod network;
pub mod problem;
pub mod proof;

use std::collections::BTreeMap;

use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg32;
use sartor_codegen::compile::PlanError;
use sartor_codegen::layer::{Normalized, Output};
use sartor_codegen::normalize::{NormalizeError, normalize};
use sartor_codegen::plan::Plan as Program;
use sartor_codegen::schedule::check_batch;
use sartor_kernels::reference::{self, bound};
use sartor_kernels::runtime::{Level, SessionError};
use sartor_kernels::shape::Maps;
use sartor_models::{Network, NodeId, Weights};

use crate::judge::engines::EngineError;
use crate::judge::observe::{Machine, Seen, observe, read};
use crate::{CompileError, Model, Plan};

pub use network::drift;

/// How far a value is from the exact one: at the element that is furthest from it, measured by how far it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// Absolute error; infinite where only one of both is finite.
    pub error: f64,
    /// Largest error that rounding explains.
    pub bound: f64,
}

impl Distance {
    /// Part of the bound that the error takes.
    pub fn ratio(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.bound }
    }

    /// Whether the error is within the bound; never for NaN.
    pub fn holds(&self) -> bool {
        self.ratio() <= 1.0
    }

    /// Of all elements, NCHW, in rows, `[n][h]`, that were written; an infinite one if there are none.
    fn largest(found: &[f32], exact: &[f64], bound: impl Fn(usize) -> f64, maps: Maps, written: &[bool]) -> Self {
        assert!(found.len() == maps.len() && exact.len() == maps.len(), "{} and {} of {maps:?}", found.len(), exact.len());
        let row = |i: usize| i / (maps.c * maps.pixels()) * maps.h + i / maps.w % maps.h;
        let at = |i: usize| {
            let (error, _) = bound::largest_error(&found[i..=i], &exact[i..=i]);
            Self { error, bound: bound(i) }
        };
        let elements = (0..found.len()).filter(|&i| written[row(i)]).map(at);
        elements.reduce(Self::larger).unwrap_or(Self { error: f64::INFINITY, bound: 0.0 })
    }

    /// The one that takes more of its bound. A ratio of NaN is never smaller: it stays.
    fn larger(self, other: Self) -> Self {
        if other.ratio() <= self.ratio() || self.ratio().is_nan() { self } else { other }
    }
}

/// How one layer of a compiled program, or one of its outputs, compares with the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The layer's name.
    pub name: String,
    /// Its problem in one line.
    pub problem: String,
    /// The kernel's name.
    pub kernel: String,
    /// What it wrote, from what it should have made of what it read.
    pub layer: Distance,
    /// What it wrote, from the value of the network's node.
    pub network: Distance,
    /// What else is wrong: a lane that should be zero, or keep its value, and does not; an output that depends on the threads.
    pub fault: Option<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.layer.holds() && self.network.holds() && self.fault.is_none()
    }

    /// Takes the worse of two verdicts on the same layer.
    fn join(&mut self, other: Self) {
        self.layer = self.layer.larger(other.layer);
        self.network = self.network.larger(other.network);
        self.fault = self.fault.take().or(other.fault);
    }
}

/// A network that could not be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It cannot be compiled or loaded.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The weights to verify against are not the network's.
    #[error(transparent)]
    Normalize(#[from] NormalizeError),
    /// The reference cannot run it.
    #[error(transparent)]
    Reference(#[from] EngineError),
    /// The program does not run.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Images of standard normal noise, the same for the same seed.
pub fn images(network: &Network, batch: usize, seed: u64) -> Vec<f32> {
    StandardNormal.sample_iter(Pcg32::new(seed, 0)).take(batch * network.input_shape().len()).collect()
}

/// Compiles a network for a level and runs every layer of the program against the f64 reference, on images of noise.
///
/// # Errors
/// If the network cannot be compiled, or not run.
pub fn verify(network: &Network, weights: &Weights, level: Level, batch: usize) -> Result<Vec<Verdict>, VerifyError> {
    check_batch(network, batch).map_err(PlanError::from)?;
    let model = Model::open(network, weights, level)?;
    check(&model, network, weights, &images(network, batch, 0))
}

/// Runs every layer of a compiled program against the f64 reference on the same inputs: a verdict for each layer and, at the end, each
/// output. `weights` need not be those that the program was compiled with; if they are not, layers fail.
///
/// # Errors
/// If the weights are not the network's, or the input is not some images.
///
/// # Panics
/// If the program is not the network's.
pub fn check(model: &Model, network: &Network, weights: &Weights, input: &[f32]) -> Result<Vec<Verdict>, VerifyError> {
    let layers = normalize(network, weights)?;
    let image = model.program().input_len();
    let images = input.len() / image;
    let (mut observed, mut together) = (model.session(1)?, Vec::new());
    for threads in THREADS {
        let mut output = vec![f32::NAN; images * model.program().output_len()];
        model.session(threads)?.run(input, &mut output)?;
        together.push((format!("on {threads} threads"), output));
    }
    let mut verdicts: Vec<Verdict> = Vec::new();
    for (index, input) in input.chunks_exact(image).enumerate() {
        let of_this = |(way, output): &Again| (way.clone(), of_image(network, output, images, index));
        let again: Vec<Again> = together.iter().map(of_this).collect();
        let judged = judge(model.plan(), &mut observed, &again, &layers, network, weights, input)?;
        if index == 0 {
            verdicts = judged;
        } else {
            verdicts.iter_mut().zip(judged).for_each(|(worst, other)| worst.join(other));
        }
    }
    Ok(verdicts)
}

/// The outputs of one of the `images` of a run, one after another.
///
/// # Panics
/// If there is no such image in `output`.
pub fn of_image(network: &Network, mut output: &[f32], images: usize, image: usize) -> Vec<f32> {
    let mut of_this = Vec::new();
    for len in network.outputs().iter().map(|&id| network.node(id).shape.len()) {
        let (of_all, rest) = output.split_at(images * len);
        of_this.extend_from_slice(&of_all[image * len..][..len]);
        output = rest;
    }
    of_this
}

/// Thread counts for which a program must return the same bits.
const THREADS: [usize; 2] = [1, 3];

/// A way to compute an output, and the output.
type Again = (String, Vec<f32>);

/// Judges what a machine makes of the input, layer by layer, by the network's own `layers`; the output must have the same bits as it has computed `again`.
fn judge(
    planned: &Plan,
    machine: &mut impl Machine,
    again: &[Again],
    layers: &Normalized,
    network: &Network,
    weights: &Weights,
    input: &[f32],
) -> Result<Vec<Verdict>, VerifyError> {
    let plan = &planned.program;
    let mut output = vec![0.0; plan.output_len];
    let mut verdicts = Vec::new();
    let mut values = Values::default();
    let planned: Vec<_> = planned.stages.iter().flat_map(|stage| &stage.layers).collect();
    assert_eq!(planned.len(), layers.layers.len(), "layers of the program and of the network");
    observe(plan, machine, input, &mut output, |observed| {
        let layer = &layers[observed.index];
        let (distance, fault) = layer::check(layers, observed);
        let (name, problem, kernel) =
            (layer.name.clone(), planned[observed.index.0].problem.clone(), planned[observed.index.0].kernel.clone());
        verdicts.push((layer.value.node, Verdict { name, problem, kernel, layer: distance, network: distance, fault }));
        // A value may have been written by several layers: it is complete after the last.
        let map = layer.dst();
        if layers.layers.iter().skip(observed.index.0 + 1).all(|later| later.dst() != map) {
            for value in layers.layers.iter().map(|layer| &layer.value).filter(|value| value.map == map) {
                let result = observed.result(layer);
                values.insert(value.node, result.channels(value.lanes.iter().copied()), result);
            }
        }
    })?;
    verdicts.extend(outputs(plan, network, &layers.outputs, machine, input, &output, again, &mut values));

    let mut distances = BTreeMap::new();
    drift(network, weights, input, plan.batch, |id, exact, bound| {
        if let Some(value) = values.0.remove(&id) {
            distances.insert(id, Distance::largest(&value.data, exact, |_| bound, value.maps, &value.written));
        }
    })?;
    let judged = |(node, verdict)| Verdict { network: distances[&node], ..verdict };
    Ok(verdicts.into_iter().map(judged).collect())
}

/// Values of nodes as a program computed them.
#[derive(Default)]
struct Values(BTreeMap<NodeId, Value>);

struct Value {
    maps: Maps,
    /// NCHW.
    data: Vec<f32>,
    written: Vec<bool>,
}

impl Values {
    fn insert(&mut self, node: NodeId, data: Vec<f32>, seen: &Seen) {
        let maps = Maps { c: data.len() / (seen.maps.n * seen.maps.pixels()), ..seen.maps };
        self.0.insert(node, Value { maps, data, written: seen.written.clone() });
    }
}

/// Judges what the user gets: copies of maps, or their log-softmax; and the same when computed `again`.
fn outputs(
    plan: &Program,
    network: &Network,
    outputs: &[Output],
    machine: &impl Machine,
    input: &[f32],
    output: &[f32],
    again: &[Again],
    values: &mut Values,
) -> Vec<(NodeId, Verdict)> {
    let differs = |(way, again): &Again| {
        let at = (0..output.len()).find(|&i| output[i].to_bits() != again[i].to_bits())?;
        Some(format!("value {at} is {} unit by unit and {} {way}", output[at], again[at]))
    };
    let fault = again.iter().find_map(differs);
    let mut verdicts = Vec::new();
    let mut rest = output;
    for (id, Output { value, log_softmax }) in network.outputs().iter().zip(outputs) {
        let Some(seen) = read(plan, value.map, machine, input) else { continue };
        let src = seen.channels(value.lanes.iter().copied());
        let (found, after) = rest.split_at(src.len());
        rest = after;
        let maps = Maps { c: value.lanes.len(), ..seen.maps };
        let (exact, bound) = if *log_softmax {
            let exact = reference::log_softmax(&src, maps.c);
            let bound = bound::log_softmax(maps.c, bound::max_abs(&src) + bound::max_abs(&exact));
            (exact, bound)
        } else {
            (src.iter().map(|&x| x.into()).collect(), 0.0)
        };
        let layer = Distance::largest(found, &exact, |_| bound, maps, &seen.written);
        let (name, problem) =
            (network.node(*id).name.clone(), format!("output {}_n\"{}\"", network.node(*id).shape, network.node(*id).name));
        let kernel = if *log_softmax { "unpack, log_softmax" } else { "unpack" }.into();
        values.insert(*id, found.to_vec(), &seen);
        verdicts.push((*id, Verdict { name, problem, kernel, layer, network: layer, fault: fault.clone() }));
    }
    assert!(rest.is_empty() && verdicts.len() == outputs.len(), "an output is not in the arena");
    verdicts
}
