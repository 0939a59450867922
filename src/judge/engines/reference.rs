//! Runs a network with the reference operators, which define what is right.

use std::collections::BTreeMap;

use sartor_kernels::reference::{self, BatchNorm, Value, bound};
use sartor_models::{Arithmetic, Network, NodeId, Op, Reduction, Weights};

use super::{EngineError, check_input, check_tensors, conv, maps, param};

/// Runs a network operator by operator. Each operator computes in f64, and its result is rounded to f32.
#[derive(Clone, Copy, Debug)]
pub struct ReferenceEngine<'a> {
    network: &'a Network,
    weights: &'a Weights,
}

/// The exact value of a node, and how far an engine's value may be from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// NCHW.
    pub exact: Vec<f64>,
    /// Largest absolute error of an engine that computes in f32.
    pub bound: f64,
}

impl<'a> ReferenceEngine<'a> {
    /// An engine for a network and its weights.
    ///
    /// # Errors
    /// If tensors are missing, have a wrong shape, or are not finite before or after folding. The error names all.
    pub fn new(network: &'a Network, weights: &'a Weights) -> Result<Self, EngineError> {
        check_tensors(network, weights)?;
        Ok(Self { network, weights })
    }

    /// The network's outputs for `batch` NCHW images, each NCHW.
    ///
    /// # Errors
    /// If the batch is zero or the input's length does not fit the batch.
    pub fn run(&self, input: &[f32], batch: usize) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut outputs = vec![Vec::new(); self.network.outputs().len()];
        self.run_each(input, batch, |id, exact| {
            for (output, _) in outputs.iter_mut().zip(self.network.outputs()).filter(|(_, output)| **output == id) {
                *output = reference::round(exact);
            }
        })?;
        Ok(outputs)
    }

    /// The values of all nodes in their order, each NCHW, and each before it was rounded to f32 for the nodes that read it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_all(&self, input: &[f32], batch: usize) -> Result<Vec<Vec<f64>>, EngineError> {
        let mut values = Vec::with_capacity(self.network.nodes().len());
        self.run_each(input, batch, |_, exact| values.push(exact.to_vec()))?;
        Ok(values)
    }

    /// Calls `visit` with each node's value, in the order of the nodes, as [`run_all`](Self::run_all) returns them. A value is
    /// dropped when no later node reads it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_each(&self, input: &[f32], batch: usize, mut visit: impl FnMut(NodeId, &[f64])) -> Result<(), EngineError> {
        check_input(self.network, input, batch)?;
        let last_reads = last_reads(self.network);
        let mut values: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
        for (id, node) in self.network.nodes().iter().enumerate() {
            let exact = match node.op {
                Op::Input => input.iter().map(|&x| x.into()).collect(),
                _ => {
                    let inputs: Vec<&[f32]> = node.inputs.iter().map(|input| &values[&input.0][..]).collect();
                    self.node(NodeId(id), &inputs, batch)
                }
            };
            visit(NodeId(id), &exact);
            values.insert(id, reference::round(&exact));
            values.retain(|&value, _| last_reads[value] > id);
        }
        Ok(())
    }

    /// The value that node `id` should have, computed in f64 from values that are `known`, and how far f32 may be from it. If an input is not
    /// known, because the engine fused it away, its own inputs are followed back, and the errors of the operators on the way add up.
    /// The bound covers engines that fold batch norms.
    ///
    /// # Panics
    /// If the network's input is needed and not known, or a value does not have its node's length.
    pub fn expect(&self, id: NodeId, known: &BTreeMap<NodeId, Vec<f32>>, batch: usize) -> Expected {
        let node = self.network.node(id);
        let inputs: Vec<Expected> = node
            .inputs
            .iter()
            .map(|&input| match known.get(&input) {
                Some(value) => Expected { exact: value.iter().map(|&x| x.into()).collect(), bound: 0.0 },
                None => self.expect(input, known, batch),
            })
            .collect();
        let values: Vec<&[f64]> = inputs.iter().map(|input| &input.exact[..]).collect();
        let errors: Vec<f64> = inputs.iter().map(|input| input.bound).collect();
        let exact = self.node(id, &values, batch);
        let bound = self.bound(id, &values, &errors, &exact);
        Expected { exact, bound }
    }

    /// One node's value from its inputs' values.
    ///
    /// # Panics
    /// If the node is the network's input, or a value does not have its node's length.
    pub fn node<T: Value>(&self, id: NodeId, inputs: &[&[T]], batch: usize) -> Vec<f64> {
        let node = self.network.node(id);
        // Constants read nothing.
        let src = maps(self.network, node.inputs.first().copied().unwrap_or(id), batch);
        let param = |suffix| self.param(id, suffix);
        match node.op {
            Op::Input => unreachable!("the network's input is not computed"),
            Op::Conv2d(attributes) => {
                let bias = attributes.bias.then(|| param("bias"));
                reference::conv2d(inputs[0], src, param("weight"), bias, &conv(attributes))
            }
            Op::Constant(_) => param("value").iter().map(|&x| f64::from(x)).collect::<Vec<_>>().repeat(batch),
            Op::Linear { out, bias } => reference::linear(inputs[0], src.c, param("weight"), bias.then(|| param("bias")), out),
            Op::BatchNorm { eps } => reference::batch_norm(inputs[0], src, &self.batch_norm(id, eps)),
            Op::Activation(function) => reference::activation(inputs[0], function),
            Op::MaxPool(window) => reference::max_pool(inputs[0], src, &window),
            Op::AvgPool { window, counted } => reference::avg_pool(inputs[0], src, &window, counted),
            Op::Reduce(reduction) => reference::reduce(inputs[0], src, reduction),
            Op::Rearrange(how) => reference::rearrange(inputs[0], src, how),
            Op::Add => reference::add(inputs[0], src, inputs[1], self.network.node(node.inputs[1]).shape.c),
            Op::Binary(op) => {
                let b = maps(self.network, node.inputs[1], batch);
                reference::binary(inputs[0], src, inputs[1], b, |a, b| op.at(a, b))
            }
            Op::Concat => {
                let channels = node.inputs.iter().map(|&input| self.network.node(input).shape.c);
                let sources: Vec<(&[T], usize)> = inputs.iter().copied().zip(channels).collect();
                reference::concat(&sources, maps(self.network, id, batch))
            }
            Op::ChannelShuffle { groups } => reference::channel_shuffle(inputs[0], src, groups),
            Op::Slice { begin, len } => reference::slice(inputs[0], src, begin, len),
            Op::Transpose(order) => reference::transpose(inputs[0], src, order),
            Op::Reshape(_) => inputs[0].iter().map(|&x| x.into()).collect(),
            Op::Softmax { log } => reference::softmax(inputs[0], src, log),
        }
    }

    /// How far a node's value may be from `exact` if its inputs have `errors`: the operator's own roundings, and the errors times the most by
    /// which the operator can stretch them.
    fn bound(&self, id: NodeId, inputs: &[&[f64]], errors: &[f64], exact: &[f64]) -> f64 {
        let node = self.network.node(id);
        let param = |suffix| self.param(id, suffix);
        // The operator computes with values that have the errors.
        let largest = |input: usize| bound::max_abs(inputs[input]) + errors[input];
        match node.op {
            Op::Conv2d(_) | Op::Linear { .. } => {
                let (weight, bias) = (param("weight"), param("bias"));
                let terms = weight.len() / node.shape.c;
                let sum = |filter: &[f32]| filter.iter().map(|&w| f64::from(w.abs())).sum::<f64>();
                let stretch = weight.chunks_exact(terms).map(sum).fold(0.0, f64::max);
                stretch * errors[0] + bound::dot(terms, largest(0), bound::max_abs(weight), bound::max_abs(bias))
            }
            Op::BatchNorm { eps } => {
                let (scale, shift) = self.affine(id, eps);
                let scale = bound::max_abs(&scale);
                scale * errors[0] + bound::batch_norm(largest(0), scale, bound::max_abs(&shift))
            }
            Op::Activation(function) => bound::activation(function, largest(0), errors[0]),
            Op::AvgPool { window, .. } => errors[0] + bound::mean(window.taps(), largest(0)),
            Op::Reduce(reduction) => {
                let pixels = self.network.node(node.inputs[0]).shape.pixels();
                let stretch = if reduction == Reduction::Sum { pixels as f64 } else { 1.0 };
                stretch * errors[0] + bound::reduction(reduction, pixels, largest(0))
            }
            Op::Add => errors[0] + errors[1] + bound::rounding(largest(0) + largest(1)),
            Op::Binary(op) => {
                let [a, b] = [0, 1].map(|input| (inputs[input], errors[input]));
                binary_bound(op, a, b, bound::max_abs(exact))
            }
            // No share is above 1, and errors of the arguments stretch each by at most a factor.
            Op::Softmax { log: false } => (2.0 * errors[0]).exp_m1() + bound::softmax(node.shape.c),
            Op::Softmax { log: true } => 2.0 * errors[0] + bound::log_softmax(node.shape.c, bound::max_abs(exact) + largest(0)),
            Op::Input
            | Op::Constant(_)
            | Op::MaxPool(_)
            | Op::Rearrange(_)
            | Op::Concat
            | Op::ChannelShuffle { .. }
            | Op::Slice { .. }
            | Op::Transpose(_)
            | Op::Reshape(_) => errors.iter().copied().fold(0.0, f64::max),
        }
    }

    /// The nodes that a node reads.
    pub(crate) fn inputs(&self, id: NodeId) -> &'a [NodeId] {
        &self.network.node(id).inputs
    }

    /// A parameter of a node; empty if the node has none of that name.
    pub(crate) fn param(&self, id: NodeId, suffix: &str) -> &'a [f32] {
        param(self.network, self.weights, id, suffix)
    }

    /// The scale and the shift of each channel of a batch norm.
    pub(crate) fn affine(&self, id: NodeId, eps: f64) -> (Vec<f64>, Vec<f64>) {
        let norm = self.batch_norm(id, eps);
        (0..self.network.node(id).shape.c).map(|c| norm.affine(c)).unzip()
    }

    fn batch_norm(&self, id: NodeId, eps: f64) -> BatchNorm<'a> {
        let (mean, var) = (self.param(id, "running_mean"), self.param(id, "running_var"));
        BatchNorm { weight: self.param(id, "weight"), bias: self.param(id, "bias"), mean, var, eps }
    }
}

/// The bound of arithmetic on values `a` and `b` with errors, whose largest exact result is `largest`. A quotient is bounded by the
/// smallest divisor; if that may be zero, there is no bound.
fn binary_bound(op: Arithmetic, a: (&[f64], f64), b: (&[f64], f64), largest: f64) -> f64 {
    let carried = match op {
        Arithmetic::Add | Arithmetic::Sub | Arithmetic::SubFrom => a.1 + b.1,
        Arithmetic::Mul => a.1 * (bound::max_abs(b.0) + b.1) + b.1 * bound::max_abs(a.0),
        Arithmetic::Max | Arithmetic::Min => return a.1.max(b.1),
        // An error may turn a comparison.
        _ if op.compares() => return if a.1 + b.1 == 0.0 { 0.0 } else { 1.0 },
        Arithmetic::Keep if b.1 < least_magnitude(b.0) => return a.1,
        Arithmetic::Keep => return a.1 + bound::max_abs(a.0),
        _ => {
            let (over, under) = if op == Arithmetic::Div { (a, b) } else { (b, a) };
            match (over.1 + largest * under.1, least_magnitude(under.0) - under.1) {
                // Without errors even an infinite quotient has none.
                _ if over.1 == 0.0 && under.1 == 0.0 => 0.0,
                (error, divisor) if divisor > 0.0 => error / divisor,
                _ => f64::INFINITY,
            }
        }
    };
    carried + bound::rounding(largest + carried)
}

fn least_magnitude(values: &[f64]) -> f64 {
    values.iter().fold(f64::INFINITY, |least, x| least.min(x.abs()))
}

/// The last node that reads each node; the node itself if none does.
fn last_reads(network: &Network) -> Vec<usize> {
    let mut last: Vec<usize> = (0..network.nodes().len()).collect();
    for (id, node) in network.nodes().iter().enumerate() {
        node.inputs.iter().for_each(|input| last[input.0] = id);
    }
    last
}
