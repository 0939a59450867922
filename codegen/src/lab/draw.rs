//! Draws the weights and images of a problem.

use sartor_models::{Arithmetic, NodeId, Op, Reduction, Tensor, Weights};
use sartor_ops::Winograd;

use super::data::{Data, noise};
use super::problem::Problem;

/// Sums of products of integers are exact in f32 up to this, in any order.
const EXACT: f64 = (1 << 24) as f64;

/// What a Winograd convolution of small tiles adds up is in quarters of a step, and up to 36 times as large as its result may be: the
/// transforms multiply by up to 4 and by up to 9.
const WINOGRAD: f64 = 4.0 * 36.0;

/// About this many weights of an output channel are not zero, or fewer, so that values grow slowly from layer to layer.
const TAPS: usize = 12;

/// Values that are integer multiples of a step. The step is a power of two of at most one.
#[derive(Clone, Copy)]
struct Grid {
    /// The largest magnitude.
    largest: f64,
    step: f64,
}

impl Problem {
    /// The weights.
    pub fn weights(&self) -> Weights {
        if self.data == Data::Reals {
            return Weights::random(&self.network, self.seed);
        }
        let mut weights = Weights::default();
        for (index, param) in self.network.params().into_iter().enumerate() {
            let filter = param.shape[1..].iter().product::<usize>().max(1);
            let mut noise = noise(self.seed ^ ((index as u64) << 32));
            let mut value = || {
                let drawn = noise.next().unwrap_or_default();
                if (drawn >> 16) as usize % filter < TAPS { [-2.0, -1.0, 1.0, 2.0][drawn as usize % 4] } else { 0.0 }
            };
            let data = (0..param.shape.iter().product()).map(|_| value()).collect();
            weights.insert(param.name, Tensor::new(param.shape, data));
        }
        weights
    }

    /// The images, NCHW.
    pub fn images(&self) -> Vec<f32> {
        let len = self.batch * self.network.input_shape().len();
        let value = |drawn: u64| match self.data {
            Data::Reals => (drawn >> 40) as f32 / (1 << 23) as f32 - 1.0,
            Data::Integers => (drawn >> 40) as f32 % 7.0 - 3.0,
        };
        noise(!self.seed).take(len).map(value).collect()
    }

    /// Whether the result is exact in any order of summation. It is if all values are integer multiples of a step, all operators
    /// keep them so, and all sums stay below 2^24 steps.
    pub fn is_exact(&self, weights: &Weights) -> bool {
        // The filters of larger tiles are divided by 3.
        if self.data != Data::Integers || self.winograd == Some(Winograd::Four) {
            return false;
        }
        let finer = if self.winograd == Some(Winograd::Two) { WINOGRAD } else { 1.0 };
        let mut grids: Vec<Grid> = Vec::new();
        for (id, node) in self.network.nodes().iter().enumerate() {
            let of = |input: usize| grids[node.inputs[input].0];
            let grid = match node.op {
                Op::Input => Grid { largest: 3.0, step: 1.0 },
                Op::Conv2d(_) | Op::Linear { .. } => {
                    let params = self.network.params_of(NodeId(id));
                    let data =
                        |index: usize| params.get(index).and_then(|param| weights.get(&param.name)).map_or(&[][..], Tensor::data);
                    let filter = params[0].shape[1..].iter().product();
                    let sum = |values: &[f32]| values.iter().map(|&x| f64::from(x.abs())).sum::<f64>();
                    let bias = data(1).iter().fold(0.0, |max: f64, &x| max.max(x.abs().into()));
                    Grid { largest: data(0).chunks(filter).map(sum).fold(0.0, f64::max) * of(0).largest + bias, ..of(0) }
                }
                Op::Activation(act) => match act.step() {
                    Some(step) => Grid { largest: act.largest(of(0).largest), step: of(0).step * step },
                    None => return false,
                },
                // See `weights`.
                Op::Constant(_) => Grid { largest: 2.0, step: 1.0 },
                Op::MaxPool(_) | Op::Rearrange(_) | Op::Reduce(Reduction::Max | Reduction::Min) => of(0),
                Op::ChannelShuffle { .. } | Op::Slice { .. } | Op::Transpose(_) | Op::Reshape(_) => of(0),
                Op::Reduce(Reduction::Sum) => {
                    let pixels = self.network.node(node.inputs[0]).shape.pixels();
                    Grid { largest: of(0).largest * pixels as f64, ..of(0) }
                }
                Op::Add => Grid { largest: of(0).largest + of(1).largest, step: of(0).step.min(of(1).step) },
                Op::Binary(Arithmetic::Mul) => Grid { largest: of(0).largest * of(1).largest, step: of(0).step * of(1).step },
                Op::Binary(Arithmetic::Add | Arithmetic::Sub | Arithmetic::SubFrom) => {
                    Grid { largest: of(0).largest + of(1).largest, step: of(0).step.min(of(1).step) }
                }
                Op::Binary(Arithmetic::Max | Arithmetic::Min) => {
                    Grid { largest: of(0).largest.max(of(1).largest), step: of(0).step.min(of(1).step) }
                }
                Op::Binary(Arithmetic::Keep) => of(0),
                Op::Binary(op) if op.compares() => Grid { largest: 1.0, step: 1.0 },
                Op::Binary(_) => return false,
                Op::Concat => (1..node.inputs.len())
                    .map(of)
                    .fold(of(0), |a, b| Grid { largest: a.largest.max(b.largest), step: a.step.min(b.step) }),
                Op::BatchNorm { .. } | Op::AvgPool { .. } | Op::Reduce(Reduction::Mean) | Op::Softmax { .. } => return false,
            };
            let finer = if matches!(node.op, Op::Conv2d(_)) { finer } else { 1.0 };
            if grid.largest * finer > EXACT * grid.step {
                return false;
            }
            grids.push(grid);
        }
        true
    }
}
