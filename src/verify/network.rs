//! What every node of a network must be, given the images alone, and how far a program may have drifted from that.
//!
//! No bound that is propagated through fifty layers says anything. How much a network amplifies rounding is measured instead: beside the
//! exact values, a second set takes, in f64, at every node as much noise as rounding in f32 makes there. A program's roundings
//! are another sample of the same size.

use std::thread;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::RngCore;
use sartor_kernels::reference::bound::{EPSILON, UNDERFLOW, max_abs};
use sartor_models::{Network, NodeId, Op, Weights};

use crate::engine::{EngineError, ReferenceEngine};

/// A program's largest error at a node, per largest error of the noisy values there. Both are the largest of many; of a network's
/// few classes, the largest error varies from sample to sample by about the root of this.
const DRIFT: f64 = 4.0;

/// The same, per largest exact value, in epsilons: noise that happens to cancel asks for no less than a few roundings.
const FLOOR: f64 = 8.0;

/// So few sums may all happen to cancel, which their roundings do not.
const FEW: usize = 8;

/// Shows every node to `visit`, in order: its exact value, NCHW, and how far a program's may be from it.
///
/// # Errors
/// If the weights are not the network's.
///
/// # Panics
/// If the input is not `batch` images.
pub fn drift(
    network: &Network,
    weights: &Weights,
    input: &[f32],
    batch: usize,
    mut visit: impl FnMut(NodeId, &[f64], f64),
) -> Result<(), EngineError> {
    let engine = ReferenceEngine::new(network, weights)?;
    let mut noise = Pcg32::new(0, 0);
    let mut values: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for (index, node) in network.nodes().iter().enumerate() {
        let id = NodeId(index);
        let value = if node.op == Op::Input {
            let exact: Vec<f64> = input.iter().map(|&x| x.into()).collect();
            (exact.clone(), exact)
        } else {
            let inputs = || node.inputs.iter().map(|input| &values[input.0]);
            let exact: Vec<&[f64]> = inputs().map(|(exact, _)| &exact[..]).collect();
            let noisy: Vec<&[f64]> = inputs().map(|(_, noisy)| &noisy[..]).collect();
            let (exact, mut noisy) = thread::scope(|scope| {
                let noisy = scope.spawn(|| engine.node(id, &noisy, batch));
                let exact = engine.node(id, &exact, batch);
                (exact, noisy.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            });
            let expected = expected(&engine, network, id, &values[node.inputs[0].0].0);
            disturb(&mut noisy, &exact, network, id, expected, &mut noise);
            (exact, noisy)
        };
        let distance = value.0.iter().zip(&value.1).map(|(exact, noisy)| (exact - noisy).abs()).fold(0.0, f64::max);
        visit(id, &value.0, DRIFT * distance + FLOOR * EPSILON * max_abs(&value.0) + UNDERFLOW);
        values.push(value);
        for (input, value) in values.iter_mut().enumerate() {
            let is_read_later = network.nodes()[index + 1..].iter().any(|later| later.inputs.contains(&NodeId(input)));
            if !is_read_later {
                *value = (Vec::new(), Vec::new());
            }
        }
    }
    Ok(())
}

/// Adds to a node's values what rounding them in f32 may: for a sum of `K` products of random sign, `sqrt(K)` half epsilons of the
/// result's root mean square, since roundings add up like the products do, as partial sums grow. The mean square is that of the
/// channel, as batch norms bring channels of different size together; channels of one pixel are taken together. Of [`FEW`] values it
/// is at least the `expected` one.
fn disturb(noisy: &mut [f64], exact: &[f64], network: &Network, id: NodeId, expected: f64, noise: &mut Pcg32) {
    let node = network.node(id);
    let terms = match node.op {
        Op::Conv2d(_) | Op::Linear { .. } => products(network, id) + 1,
        Op::AvgPool(_) | Op::GlobalAvgPool => products(network, id),
        Op::BatchNorm { .. } | Op::Add | Op::Mul | Op::LogSoftmax => 1,
        // Two roundings' worth: the exponential, the sum and the division.
        Op::Activation(sartor_models::Activation::Silu | sartor_models::Activation::Sigmoid) => 4,
        Op::Input | Op::Activation(_) | Op::MaxPool(_) | Op::Concat | Op::ChannelShuffle { .. } => return,
    };
    let alike = if node.shape.pixels() == 1 { node.shape.c } else { node.shape.pixels() };
    for (noisy, exact) in noisy.chunks_exact_mut(alike).zip(exact.chunks_exact(alike)) {
        let mean_square = exact.iter().map(|x| x * x).sum::<f64>() / alike as f64;
        let mean_square = if alike <= FEW { mean_square.max(expected) } else { mean_square };
        for (noisy, exact) in noisy.iter_mut().zip(exact) {
            let size = EPSILON / 2.0 * (terms as f64).sqrt() * mean_square.sqrt().max(exact.abs());
            *noisy += if noise.next_u32() & 1 == 0 { size } else { -size };
        }
    }
}

/// Terms of each of a node's sums, without a bias; 1 if it sums nothing.
fn products(network: &Network, id: NodeId) -> usize {
    let node = network.node(id);
    let src = network.node(node.inputs[0]).shape;
    match node.op {
        Op::Conv2d(conv) => src.c / conv.groups * conv.kernel.0 * conv.kernel.1,
        Op::Linear { .. } => src.c,
        Op::AvgPool(pool) => pool.kernel.0 * pool.kernel.1,
        Op::GlobalAvgPool => src.pixels(),
        _ => 1,
    }
}

/// The mean square of a node's sums if their terms have random signs, from the mean squares of input and weights; zero of what sums
/// nothing.
fn expected(engine: &ReferenceEngine<'_>, network: &Network, id: NodeId, input: &[f64]) -> f64 {
    let node = network.node(id);
    let mean_square = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>() / values.len().max(1) as f64;
    let param = |suffix| mean_square(&engine.param(id, suffix).iter().map(|&x| x.into()).collect::<Vec<f64>>());
    let (terms, input) = (products(network, id) as f64, mean_square(input));
    match node.op {
        Op::Conv2d(_) | Op::Linear { .. } => terms * input * param("weight") + param("bias"),
        Op::AvgPool(_) | Op::GlobalAvgPool => input / terms,
        Op::BatchNorm { eps } => {
            let (scale, shift) = engine.affine(id, eps);
            input * mean_square(&scale) + mean_square(&shift)
        }
        _ => 0.0,
    }
}
