//! Random weights with which activations stay in a normal range in every network.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::RngCore;

use super::{Tensor, Weights};
use crate::arithmetic::Arithmetic;
use crate::graph::{Network, Node, NodeId, Op, Reduction, Shape};

impl Weights {
    /// Weights drawn from a seed, the same on every platform. A parameter's values depend on the seed, its name, its shape and
    /// the operators in front of it, so that a network has the same ones with and without its head.
    ///
    /// Convolutions and linear layers are uniform with the variance that gives outputs of mean square 1 (He et al.,
    /// arXiv:1502.01852, with the mean square of the input estimated node by node). Batch norms have running means within
    /// 0.1 of 0, variances within 0.2 of 1, scales within 0.1 of 1 and biases within 0.1 of 0; in front of a function that grows faster
    /// than its argument, as SiLU does, scales are within 0.1 of 0.816 and biases within 1 of 0. Constants are uniform with mean square 1.
    pub fn random(network: &Network, seed: u64) -> Self {
        let mut weights = Self::default();
        let mut mean_squares: Vec<f64> = Vec::with_capacity(network.nodes().len());
        for (id, node) in network.nodes().iter().enumerate() {
            let inputs: Vec<_> = node.inputs.iter().map(|&i| (network.node(i).shape, mean_squares[i.0])).collect();
            for param in network.params_of(NodeId(id)) {
                let suffix = param.name.rsplit('.').next().unwrap_or_default();
                let (centre, spread) = match (&node.op, suffix) {
                    (Op::BatchNorm { .. }, "weight") if feeds_stretching(network, NodeId(id)) => (STRETCHED_SCALE, 0.1),
                    (Op::BatchNorm { .. }, "bias") if feeds_stretching(network, NodeId(id)) => (0.0, STRETCHED_BIAS),
                    (Op::BatchNorm { .. }, "weight") => (1.0, 0.1),
                    (Op::BatchNorm { .. }, "running_var") => (1.0, 0.2),
                    (Op::Constant(_), _) => (0.0, 3.0_f64.sqrt()),
                    (_, "weight") => {
                        let fan_in: usize = param.shape[1..].iter().product();
                        (0.0, (3.0 / (fan_in as f64 * inputs[0].1)).sqrt())
                    }
                    _ => (0.0, 0.1),
                };
                let mut rng = Pcg32::new(seed, fnv1a(&param.name));
                let mut draw = || {
                    let unit = f64::from(rng.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0;
                    (centre + spread * unit) as f32
                };
                let data = (0..param.shape.iter().product()).map(|_| draw()).collect();
                weights.insert(param.name, Tensor::new(param.shape, data));
            }
            let after_join = node.inputs.first().is_some_and(|&i| matches!(network.node(i).op, Op::Add | Op::Concat));
            mean_squares.push(mean_square(node, &inputs, after_join));
        }
        weights
    }
}

/// The spread of a batch norm's biases before an activation that stretches.
///
/// SiLU grows faster than its argument, so a network with many of them amplifies random deviations of its weights. Without biases,
/// activations of half of the random EfficientNets grew a hundredfold, which saturated their gates and amplified rounding by as
/// much. Biases of the signal's size, as training makes them, keep the mean square where it is.
const STRETCHED_BIAS: f64 = 1.0;

/// The scale of a batch norm before such an activation. With the biases, its output has a mean square of 1:
/// `STRETCHED_SCALE^2 + STRETCHED_BIAS^2 / 3`.
const STRETCHED_SCALE: f64 = 0.816;

/// Whether an activation that stretches reads the node.
fn feeds_stretching(network: &Network, id: NodeId) -> bool {
    let stretches = |op: &Op| matches!(op, Op::Activation(act) if act.stretches());
    network.nodes()[id.0 + 1..].iter().any(|later| stretches(&later.op) && later.inputs.contains(&id))
}

/// Estimates a node's mean square if weights are drawn as above. The inputs of activations are assumed to be normally distributed.
fn mean_square(node: &Node, inputs: &[(Shape, f64)], after_join: bool) -> f64 {
    let of = |i: usize| inputs[i].1;
    match node.op {
        Op::Input | Op::Constant(_) | Op::Conv2d(_) | Op::Linear { .. } => 1.0,
        Op::BatchNorm { .. } | Op::MaxPool(_) | Op::Rearrange(_) | Op::ChannelShuffle { .. } => of(0),
        Op::Slice { .. } | Op::Softmax { .. } | Op::Transpose(_) | Op::Reshape(_) => of(0),
        // A shortcut was rectified before.
        Op::Activation(act) => act.mean_square(of(0), after_join),
        // The mean keeps the part that the pixels of a window have in common.
        Op::AvgPool { .. } | Op::Reduce(Reduction::Mean) => of(0) * 0.6,
        Op::Reduce(Reduction::Sum) => of(0) * 0.6 * (inputs[0].0.pixels() as f64).powi(2),
        Op::Reduce(Reduction::Max | Reduction::Min) => of(0),
        Op::Add => of(0) + of(1) * inputs[1].0.c as f64 / inputs[0].0.c as f64,
        Op::Binary(Arithmetic::Add | Arithmetic::Sub | Arithmetic::SubFrom) => of(0) + of(1),
        Op::Binary(Arithmetic::Mul) => of(0) * of(1),
        Op::Binary(Arithmetic::Div) => of(0) / of(1),
        Op::Binary(Arithmetic::DivInto) => of(1) / of(0),
        Op::Binary(Arithmetic::Max | Arithmetic::Min) => of(0).max(of(1)),
        // As if half of the places were chosen.
        Op::Binary(Arithmetic::Keep) => of(0) / 2.0,
        Op::Binary(_) => 0.5,
        Op::Concat => {
            let sum: f64 = inputs.iter().map(|(shape, square)| shape.c as f64 * square).sum();
            sum / node.shape.c as f64
        }
    }
}

/// FNV-1a of 64 bits. It selects the random stream for a name.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
