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
        let [gamma, beta, mean, var] =
            ["weight", "bias", "running_mean", "running_var"].map(|suffix| doubles(network, weights, id, suffix));
        for c in 0..self.scale.len() {
            let factor = gamma[c] / (var[c] + eps).sqrt();
            self.scale[c] *= factor;
            self.shift[c] = (self.shift[c] - mean[c]) * factor + beta[c];
        }
    }

    /// Folds it into the weight of node `id`, which is `[oc, ...]`; if the node is a batch norm, the weights are ones. All values
    /// are multiplied by `factor`, rounded once, and made zero if they are denormal. They are finite, as `check` has seen, unless
    /// the weights allow others.
    pub(super) fn fold(&self, network: &Network, weights: &Weights, id: NodeId, factor: f64) -> Filter {
        let oc = self.scale.len();
        let ones = vec![1.0; oc];
        let unfolded =
            if matches!(network.node(id).op, Op::BatchNorm { .. }) { &ones } else { data(network, weights, id, "weight") };
        let row = unfolded.len() / oc;
        let folded = |(i, &w): (usize, &f32)| round(f64::from(w) * self.scale[i / row] * factor);
        let weight = unfolded.iter().enumerate().map(folded).collect();
        Filter { weight, bias: self.shift.iter().map(|&b| round(b * factor)).collect(), factor }
    }
}

fn round(value: f64) -> f32 {
    let rounded = value as f32;
    if rounded.is_subnormal() { 0.0 } else { rounded }
}

fn data<'a>(network: &Network, weights: &'a Weights, id: NodeId, suffix: &str) -> &'a [f32] {
    let name = format!("{}.{suffix}", network.node(id).name);
    weights.get(&name).map(Tensor::data).expect("`check` has seen the tensors of every live node")
}

fn doubles(network: &Network, weights: &Weights, id: NodeId, suffix: &str) -> Vec<f64> {
    data(network, weights, id, suffix).iter().map(|&x| f64::from(x)).collect()
}
