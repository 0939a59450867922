//! Finds values that are NaN or infinite, or become so when a batch norm is folded into the weights before it.
//!
//! All engines use this check, whether they fold batch norms or not. Each batch norm is checked by itself, and with all layers
//! that it may be folded into.

use super::{Problem, Tensor, Weights};
use crate::graph::{Network, NodeId, Op};

/// Half the largest f32: the compiler may multiply weights by a constant below 2, as it does before a SiLU.
const LARGEST: f64 = f32::MAX as f64 / 2.0;

/// What is wrong with the values of some nodes' parameters, with one entry per tensor. `name` gives a tensor's name for messages.
/// Tensors that are missing or have a wrong shape are left out.
pub(super) fn problems(weights: &Weights, network: &Network, nodes: &[NodeId], name: impl Fn(&str) -> String) -> Vec<Problem> {
    let checker = Checker { weights, network, name };
    let mut problems = Vec::new();
    for &id in nodes {
        let non_finite = checker.non_finite(id);
        let unfoldable = if non_finite.is_empty() { checker.unfoldable(id) } else { None };
        problems.extend(non_finite);
        // A layer may be found twice: by itself, and with the batch norm after it.
        problems.extend(unfoldable.filter(|problem| !problems.iter().any(|told| same_tensor(told, problem))));
    }
    problems
}

struct Checker<'a, N> {
    weights: &'a Weights,
    network: &'a Network,
    name: N,
}

/// One batch norm or several in a row, as `scale * x + shift`.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl<'a, N: Fn(&str) -> String> Checker<'a, N> {
    /// The values of a node's parameter, if it exists and has the network's shape.
    fn param(&self, id: NodeId, suffix: &str) -> Option<&'a [f32]> {
        let name = format!("{}.{suffix}", self.network.node(id).name);
        let shape = self.network.params_of(id).into_iter().find(|param| param.name == name)?.shape;
        self.weights.get(&name).filter(|tensor| tensor.shape() == shape).map(Tensor::data)
    }

    fn non_finite(&self, id: NodeId) -> Vec<Problem> {
        let problem = |param: crate::Param| {
            let data = self.weights.get(&param.name)?.data();
            let count = data.iter().filter(|value| !value.is_finite()).count();
            (count > 0).then(|| Problem::NonFinite { name: (self.name)(&param.name), count, of: data.len() })
        };
        self.network.params_of(id).into_iter().filter_map(problem).collect()
    }

    /// The first tensor that leads to weights out of range, when the node is folded into the layers before it.
    fn unfoldable(&self, id: NodeId) -> Option<Problem> {
        let Op::BatchNorm { eps } = self.network.node(id).op else {
            let c = self.network.node(id).shape.c;
            return self.of_layer(id, &Affine { scale: vec![1.0; c], shift: vec![0.0; c] });
        };
        if let Some(var) = self.param(id, "running_var") {
            let how = |c: usize| format!("a variance of {:?} + {eps:?} has no root", var[c]);
            let positive = |c: usize| f64::from(var[c]) + eps > 0.0;
            if let Some(problem) = self.problem(id, "running_var", var.len(), positive, how) {
                return Some(problem);
            }
        }
        let mut affine = Affine { scale: vec![1.0], shift: vec![0.0] };
        let mut at = id;
        loop {
            affine = self.norm(at)?.then(affine);
            if let Some(problem) = self.of_norm(at, &affine) {
                return Some(problem);
            }
            at = self.network.same_as(self.network.node(at).inputs[0]);
            match self.network.node(at).op {
                Op::BatchNorm { .. } => {}
                Op::Conv2d(_) | Op::Linear { .. } => return self.of_layer(at, &affine),
                _ => return None,
            }
        }
    }

    /// A batch norm as `scale * x + shift`; `None` if that is not finite.
    fn norm(&self, id: NodeId) -> Option<Affine> {
        let Op::BatchNorm { eps } = self.network.node(id).op else { return None };
        let [gamma, beta, mean, var] = ["weight", "bias", "running_mean", "running_var"].map(|suffix| self.param(id, suffix));
        let (gamma, beta, mean, var) = (gamma?, beta?, mean?, var?);
        let scale: Vec<f64> =
            gamma.iter().zip(var).map(|(&gamma, &var)| f64::from(gamma) / (f64::from(var) + eps).sqrt()).collect();
        let shift = (0..scale.len()).map(|c| f64::from(beta[c]) - f64::from(mean[c]) * scale[c]).collect();
        scale.iter().chain(&shift).all(|value| value.is_finite()).then_some(Affine { scale, shift })
    }

    /// Checks the batch norm that `affine` begins with.
    fn of_norm(&self, id: NodeId, affine: &Affine) -> Option<Problem> {
        let (gamma, var) = (self.param(id, "weight")?, self.param(id, "running_var")?);
        let (beta, mean) = (self.param(id, "bias")?, self.param(id, "running_mean")?);
        let Affine { scale, shift } = affine;
        let how = |c: usize| {
            let value = scale[c];
            format!("{:?} over the root of a variance of {:?} gives a scale of {value:e}", gamma[c], var[c])
        };
        self.problem(id, "weight", scale.len(), |c| fits(scale[c]), how).or_else(|| {
            let how = |c: usize| {
                let (mean, beta, scale, value) = (mean[c], beta[c], scale[c], shift[c]);
                format!("{beta:?} less a mean of {mean:?} at a scale of {scale:e} gives {value:e}")
            };
            self.problem(id, "bias", shift.len(), |c| fits(shift[c]), how)
        })
    }

    /// Checks the convolution or linear layer that `affine` is folded into.
    fn of_layer(&self, id: NodeId, affine: &Affine) -> Option<Problem> {
        if !self.non_finite(id).is_empty() {
            return None; // The layer has a problem of its own, which is reported.
        }
        let Affine { scale, shift } = affine;
        let weight = self.param(id, "weight")?;
        let row = weight.len() / scale.len();
        let largest: Vec<f32> =
            weight.chunks_exact(row).map(|row| row.iter().fold(0.0, |max: f32, w| max.max(w.abs()))).collect();
        let how = |c: usize| {
            let (weight, scale, value) = (largest[c], scale[c], f64::from(largest[c]) * scale[c]);
            format!("{weight:?} at a scale of {scale:e} gives {value:e}")
        };
        self.problem(id, "weight", scale.len(), |c| fits(f64::from(largest[c]) * scale[c]), how).or_else(|| {
            let bias = self.param(id, "bias")?;
            let value = |c: usize| f64::from(bias[c]) * scale[c] + shift[c];
            let how = |c: usize| {
                let (bias, scale, shift, value) = (bias[c], scale[c], shift[c], value(c));
                format!("{bias:?} at a scale of {scale:e} and a shift of {shift:e} gives {value:e}")
            };
            self.problem(id, "bias", scale.len(), |c| fits(value(c)), how)
        })
    }

    /// The problem of a tensor, if some of its channels are not valid.
    fn problem(
        &self,
        id: NodeId,
        suffix: &str,
        channels: usize,
        holds: impl Fn(usize) -> bool,
        how: impl Fn(usize) -> String,
    ) -> Option<Problem> {
        let channel = (0..channels).find(|&c| !holds(c))?;
        let count = (0..channels).filter(|&c| !holds(c)).count();
        let name = (self.name)(&format!("{}.{suffix}", self.network.node(id).name));
        Some(Problem::Unfoldable { name, channel, count, of: channels, how: how(channel) })
    }
}

impl Affine {
    /// This one followed by `next`, which has the same channels, or one for all of them.
    fn then(self, next: Self) -> Self {
        let of = |values: &[f64], c: usize| values[if values.len() == 1 { 0 } else { c }];
        let shift = (0..self.shift.len()).map(|c| self.shift[c] * of(&next.scale, c) + of(&next.shift, c)).collect();
        let scale = (0..self.scale.len()).map(|c| self.scale[c] * of(&next.scale, c)).collect();
        Self { scale, shift }
    }
}

fn same_tensor(a: &Problem, b: &Problem) -> bool {
    matches!((a, b), (Problem::Unfoldable { name: a, .. }, Problem::Unfoldable { name: b, .. }) if a == b)
}

fn fits(value: f64) -> bool {
    value.abs() <= LARGEST
}
