//! Batch norms folded into the weights before them.

use sartor_models::{Network, NodeId, Op, Tensor, Weights};

use super::NormalizeError;

/// Checks the tensors of all given nodes.
pub(super) fn check(network: &Network, weights: &Weights, nodes: impl Iterator<Item = NodeId>) -> Result<(), NormalizeError> {
    let faults: Vec<String> = nodes
        .flat_map(|id| network.params_of(id))
        .filter_map(|param| match weights.get(&param.name) {
            None => Some(format!("'{}' of shape {:?} is missing", param.name, param.shape)),
            Some(tensor) if tensor.shape() != param.shape => {
                Some(format!("'{}' has shape {:?} and should have {:?}", param.name, tensor.shape(), param.shape))
            }
            Some(_) => None,
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(NormalizeError::Tensors { network: network.name.clone(), faults }) }
}

/// What becomes of a convolution's plain sums: `scale[o] * sum + shift[o]`.
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

    /// Nothing, for `c` channels.
    pub(super) fn identity(c: usize) -> Self {
        Self { scale: vec![1.0; c], shift: vec![0.0; c] }
    }

    /// Puts a batch norm after it.
    pub(super) fn batch_norm(
        &mut self,
        network: &Network,
        weights: &Weights,
        id: NodeId,
        eps: f64,
    ) -> Result<(), NormalizeError> {
        let [gamma, beta, mean, var] =
            ["weight", "bias", "running_mean", "running_var"].map(|suffix| doubles(network, weights, id, suffix));
        for c in 0..self.scale.len() {
            if var[c] + eps <= 0.0 {
                return Err(NormalizeError::Value {
                    tensor: format!("{}.running_var", network.node(id).name),
                    channel: c,
                    value: var[c],
                    help: "a variance cannot be negative; the file is damaged or was not saved from a batch norm",
                });
            }
            let factor = gamma[c] / (var[c] + eps).sqrt();
            self.scale[c] *= factor;
            self.shift[c] = (self.shift[c] - mean[c]) * factor + beta[c];
        }
        Ok(())
    }

    /// Folds it into the weight of node `id`, `[oc, ...]`; the node of a batch norm has ones. Returns weight and bias, times
    /// `factor`, rounded once and without denormals.
    pub(super) fn fold(
        &self,
        network: &Network,
        weights: &Weights,
        id: NodeId,
        factor: f64,
    ) -> Result<(Vec<f32>, Vec<f32>), NormalizeError> {
        let oc = self.scale.len();
        let ones = vec![1.0; oc];
        let unfolded =
            if matches!(network.node(id).op, Op::BatchNorm { .. }) { &ones } else { data(network, weights, id, "weight") };
        let row = unfolded.len() / oc;
        let mut weight = Vec::with_capacity(unfolded.len());
        for (i, &w) in unfolded.iter().enumerate() {
            weight.push(round(network, id, "weight", i / row, f64::from(w) * self.scale[i / row] * factor)?);
        }
        let bias =
            self.shift.iter().enumerate().map(|(o, &b)| round(network, id, "bias", o, b * factor)).collect::<Result<_, _>>()?;
        Ok((weight, bias))
    }
}

fn round(network: &Network, id: NodeId, suffix: &str, channel: usize, value: f64) -> Result<f32, NormalizeError> {
    let rounded = value as f32;
    if rounded.is_infinite() && value.is_finite() {
        return Err(NormalizeError::Value {
            tensor: format!("{}.{suffix}", network.node(id).name),
            channel,
            value,
            help: "with its batch norm folded in it exceeds the range of f32; the weights are damaged",
        });
    }
    Ok(if rounded.is_subnormal() { 0.0 } else { rounded })
}

fn data<'a>(network: &Network, weights: &'a Weights, id: NodeId, suffix: &str) -> &'a [f32] {
    let name = format!("{}.{suffix}", network.node(id).name);
    weights.get(&name).map(Tensor::data).expect("`check` has seen the tensors of every live node")
}

fn doubles(network: &Network, weights: &Weights, id: NodeId, suffix: &str) -> Vec<f64> {
    data(network, weights, id, suffix).iter().map(|&x| f64::from(x)).collect()
}
