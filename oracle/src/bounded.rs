//! Running error analysis: a node's exact value together with how far an f32 engine may be from it.

use sartor_models::{Activation, Arithmetic, Conv2d, NodeId, Op, Reduction};
use tch::{Kind, Tensor};

use crate::tolerance::{BATCH_NORM, DENORMAL, LOG_SOFTMAX, ONCE, STORE, activation, sum};
use crate::torch::{Torch, apply};

/// An exact value and the bound on an engine's distance from it, element by element.
pub struct Bounded {
    /// PyTorch's value, f64.
    pub exact: Tensor,
    /// The bound, f32; `None` is zero.
    pub error: Option<Tensor>,
}

impl Bounded {
    /// A value that the engine reads as it is.
    pub fn given(value: &Tensor) -> Self {
        Self { exact: value.to_kind(Kind::Double), error: None }
    }

    /// The largest error of an engine's value, and the largest ratio of error to bound. Both are NaN if the value contains NaN.
    pub fn judge(&self, engine: &Tensor) -> (f64, f64) {
        let difference = (engine.to_kind(Kind::Double) - &self.exact).abs();
        let mut bound = self.exact.abs() * STORE + DENORMAL;
        if let Some(error) = &self.error {
            bound += error;
        }
        // `max` of PyTorch returns NaN if there is one.
        (difference.max().double_value(&[]), (difference / bound).max().double_value(&[]))
    }
}

/// Whether an engine may compute a convolution by Winograd's tiles. Then an output's error depends on all inputs of its tile.
fn may_be_tiled(op: &Op) -> bool {
    let Op::Conv2d(Conv2d { groups: 1, window, .. }) = op else { return false };
    (window.kernel, window.stride, window.dilation) == ((3, 3), (1, 1), (1, 1))
}

/// For each value, the largest that a tile of 4x4 can have that an output which reads the value is in.
fn of_tiles(magnitude: &Tensor) -> Tensor {
    magnitude.max_pool2d([5, 5], [1, 1], [2, 2], [1, 1], false)
}

/// The values that the error of an activation is relative to.
fn scale(act: Activation, arguments: &Tensor, results: &Tensor) -> Tensor {
    let flat = |values: &Tensor| Vec::<f64>::try_from(values.flatten(0, -1)).expect("a flat f64 tensor");
    let scales: Vec<f64> = flat(arguments).into_iter().zip(flat(results)).map(|(x, y)| act.scale(x, y)).collect();
    Tensor::from_slice(&scales).reshape(results.size())
}

impl Torch<'_> {
    /// A node's value and bound from its inputs' values and bounds.
    pub fn bounded(&self, id: NodeId, inputs: &[&Bounded]) -> Bounded {
        tch::no_grad(|| {
            let exact = self.node(id, &inputs.iter().map(|x| &x.exact).collect::<Vec<_>>(), Kind::Double);
            let (own, carried) = (self.own(id, inputs, &exact), self.carried(id, inputs));
            let error = match (own, carried) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
            Bounded { exact, error: error.map(|e| e.to_kind(Kind::Float)) }
        })
    }

    /// The error that the operator's own roundings add.
    fn own(&self, id: NodeId, inputs: &[&Bounded], exact: &Tensor) -> Option<Tensor> {
        let node = self.network.node(id);
        let magnitude = |i: usize| inputs[i].exact.abs().to_kind(Kind::Float);
        let absolute = || self.params(id).iter().map(Tensor::abs).collect::<Vec<_>>();
        Some(match node.op {
            Op::Input | Op::Constant(_) => return None,
            Op::Activation(act) if act.is_exact() => return None,
            Op::MaxPool(_) | Op::Reduce(Reduction::Max | Reduction::Min) | Op::Rearrange(_) => return None,
            Op::Concat | Op::ChannelShuffle { .. } | Op::Slice { .. } | Op::Transpose(_) | Op::Reshape(_) => return None,
            Op::Conv2d(_) | Op::Linear { .. } => {
                let terms: i64 = self.params(id)[0].size()[1..].iter().product();
                let magnitude = if may_be_tiled(&node.op) { of_tiles(&magnitude(0)) } else { magnitude(0) };
                apply(&node.op, &absolute(), &[magnitude]) * sum(terms as usize + 1)
            }
            Op::BatchNorm { .. } => {
                let (scale, shift) = self.batch_norm_magnitudes(id);
                (magnitude(0) * scale + shift) * BATCH_NORM
            }
            Op::Activation(act) => scale(act, &inputs[0].exact, exact) * activation(act),
            Op::AvgPool { window, .. } => apply(&node.op, &[], &[magnitude(0)]) * sum(window.taps()),
            Op::Reduce(_) => {
                let src = self.network.node(node.inputs[0]).shape;
                apply(&node.op, &[], &[magnitude(0)]) * sum(src.pixels())
            }
            Op::Binary(op) if op.compares() || op == Arithmetic::Keep => return None,
            Op::Add | Op::Binary(_) => exact.abs() * ONCE,
            Op::Softmax { log } => {
                let spread = (&inputs[0].exact - inputs[0].exact.amax([1], true)).abs() + (node.shape.c as f64).ln();
                // The error of the logarithm is the relative one of a share.
                if log { spread * LOG_SOFTMAX } else { (spread + 1.0) * exact * LOG_SOFTMAX }
            }
        })
    }

    /// The error that the inputs' errors cause.
    fn carried(&self, id: NodeId, inputs: &[&Bounded]) -> Option<Tensor> {
        let op = &self.network.node(id).op;
        if inputs.iter().all(|x| x.error.is_none()) {
            return None;
        }
        let errors: Vec<Tensor> = inputs
            .iter()
            .map(|x| x.error.as_ref().map_or_else(|| x.exact.zeros_like().to_kind(Kind::Float), Tensor::shallow_clone))
            .collect();
        Some(match op {
            Op::Conv2d(_) | Op::Linear { .. } => apply(op, &[self.params(id)[0].abs()], &errors),
            Op::BatchNorm { .. } => &errors[0] * self.batch_norm_magnitudes(id).0,
            Op::Activation(act) => {
                let largest = (inputs[0].exact.abs() + &errors[0]).max().double_value(&[]);
                &errors[0] * act.slope(largest)
            }
            Op::Binary(op) => {
                let magnitude = |i: usize| inputs[i].exact.abs();
                let quotient = |over: usize, under: usize| {
                    let largest = magnitude(over) / magnitude(under);
                    (&errors[over] + largest * &errors[under]) / (magnitude(under) - &errors[under]).clamp_min(0.0)
                };
                match op {
                    Arithmetic::Add | Arithmetic::Sub | Arithmetic::SubFrom => &errors[0] + &errors[1],
                    Arithmetic::Mul => magnitude(0) * &errors[1] + magnitude(1) * &errors[0] + &errors[0] * &errors[1],
                    Arithmetic::Div => quotient(0, 1),
                    Arithmetic::DivInto => quotient(1, 0),
                    Arithmetic::Max | Arithmetic::Min => errors[0].maximum(&errors[1]),
                    Arithmetic::Keep => {
                        let turns = magnitude(1).le_tensor(&errors[1]);
                        let kept = inputs[1].exact.gt(0.0);
                        &errors[0] * kept.logical_or(&turns) + magnitude(0) * turns
                    }
                    // What is nearer to each other than the errors may compare otherwise.
                    _ => (&inputs[0].exact - &inputs[1].exact).abs().le_tensor(&(&errors[0] + &errors[1])).to_kind(Kind::Float),
                }
            }
            // Moving one input by e moves the normaliser by at most e.
            Op::Softmax { log: true } => errors[0].amax([1], true) * 2.0 + errors[0].zeros_like(),
            Op::Softmax { log: false } => {
                apply(op, &[], &[inputs[0].exact.shallow_clone()]) * (errors[0].amax([1], true) * 2.0).expm1()
            }
            // The least value moves by at most the largest error.
            Op::Reduce(Reduction::Min) => apply(&Op::Reduce(Reduction::Max), &[], &errors),
            Op::Input
            | Op::Constant(_)
            | Op::MaxPool(_)
            | Op::AvgPool { .. }
            | Op::Reduce(_)
            | Op::Rearrange(_)
            | Op::Add
            | Op::Concat
            | Op::ChannelShuffle { .. }
            | Op::Slice { .. }
            | Op::Transpose(_)
            | Op::Reshape(_) => apply(op, &[], &errors),
        })
    }

    /// `|g|` and `|mean g| + |b|` of a batch norm, shaped to multiply a map.
    fn batch_norm_magnitudes(&self, id: NodeId) -> (Tensor, Tensor) {
        let Op::BatchNorm { eps } = self.network.node(id).op else { unreachable!("only asked of batch norms") };
        let [weight, bias, mean, var] = self.params(id) else { unreachable!("batch norm has four parameters") };
        let scale = (weight / (var + eps).sqrt()).abs();
        let shift = (mean * &scale).abs() + bias.abs();
        let lanes = |t: Tensor| t.reshape([1, -1, 1, 1]);
        (lanes(scale), lanes(shift))
    }
}
