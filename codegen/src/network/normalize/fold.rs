//! Batch norms folded into the weights before them.

use sartor_models::{Network, NodeId, Op, Tensor, Weights};

use super::error::NormalizeError;
use crate::network::layers::Filter;

/// Checks the tensors of all given nodes.
pub(super) fn check(network: &Network, weights: &Weights, nodes: &[NodeId]) -> Result<(), NormalizeError> {
    let problems = weights.problems_of(network, nodes);
    if problems.is_empty() { Ok(()) } else { Err(NormalizeError::Tensors { network: network.name.clone(), problems }) }
}

/// What is done to the plain sums of a convolution: `scale[o] * sum + shift[o]`.
#[derive(Clone)]
pub(super) struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Affine {
    /// The bias of a convolution or linear layer.
    pub(super) fn bias(network: &Network, weights: &Weights, id: NodeId) -> Self {
        let oc = network.node(id).shape.c;
        let has_bias = matches!(network.node(id).op, Op::Conv2d(conv) if conv.bias)
            || matches!(network.node(id).op, Op::Linear { bias: true, .. });
        let shift = if has_bias { doubles(network, weights, id, "bias") } else { vec![0.0; oc] };
        Self { scale: vec![1.0; oc], shift }
    }

    /// Leaves the sums of `c` channels as they are.
    pub(super) fn identity(c: usize) -> Self {
        Self { scale: vec![1.0; c], shift: vec![0.0; c] }
    }

    /// Appends a batch norm.
    pub(super) fn batch_norm(&mut self, network: &Network, weights: &Weights, id: NodeId, eps: f64) {
        let [beta, mean] = ["bias", "running_mean"].map(|suffix| doubles(network, weights, id, suffix));
        for (c, factor) in factors(network, weights, id, eps).enumerate() {
            self.scale[c] *= factor;
            self.shift[c] = (self.shift[c] - mean[c]) * factor + beta[c];
        }
    }

    /// Appends a batch norm to a part of a sum: another part takes what does not depend on the sum.
    pub(super) fn batch_norm_of_part(&mut self, network: &Network, weights: &Weights, id: NodeId, eps: f64) {
        for (c, factor) in factors(network, weights, id, eps).enumerate() {
            self.scale[c] *= factor;
            self.shift[c] *= factor;
        }
    }

    /// Multiplies all by `factor`.
    pub(super) fn scale_by(&mut self, factor: f64) {
        self.scale.iter_mut().chain(&mut self.shift).for_each(|x| *x *= factor);
    }

    /// What the sums of channel `o` are multiplied by.
    pub(super) fn scale(&self, o: usize) -> f64 {
        self.scale[o]
    }

    /// What is added to the sums.
    pub(super) fn shift(&self) -> &[f64] {
        &self.shift
    }
}

/// What a batch norm multiplies each channel by.
fn factors(network: &Network, weights: &Weights, id: NodeId, eps: f64) -> impl Iterator<Item = f64> {
    let [gamma, var] = ["weight", "running_var"].map(|suffix| doubles(network, weights, id, suffix));
    gamma.into_iter().zip(var).map(move |(gamma, var)| gamma / (var + eps).sqrt())
}

/// A filter of weights and biases, all multiplied by `factor`, rounded once, and made zero if they are denormal.
pub(super) fn filter(weight: impl IntoIterator<Item = f64>, bias: impl IntoIterator<Item = f64>, factor: f64) -> Filter {
    let rounded = |value: f64| round(value * factor);
    Filter { weight: weight.into_iter().map(rounded).collect(), bias: bias.into_iter().map(rounded).collect(), factor }
}

fn round(value: f64) -> f32 {
    let rounded = value as f32;
    if rounded.is_subnormal() { 0.0 } else { rounded }
}

/// A parameter of a live node.
pub(super) fn data<'a>(network: &Network, weights: &'a Weights, id: NodeId, suffix: &str) -> &'a [f32] {
    let name = format!("{}.{suffix}", network.node(id).name);
    weights.get(&name).map(Tensor::data).expect("`check` has seen the tensors of every live node")
}

fn doubles(network: &Network, weights: &Weights, id: NodeId, suffix: &str) -> Vec<f64> {
    data(network, weights, id, suffix).iter().map(|&x| f64::from(x)).collect()
}
