//! The exact value of every node of a network for some images, and how far an f32 engine may have drifted from it.
//!
//! A worst-case bound that is propagated through fifty layers is far too large to say anything. So the amount by which a network
//! amplifies rounding is measured. Beside the exact run there are a few noisy runs, in f64 too: at every node they add noise of
//! the size that rounding in f32 has there. The roundings of an engine are one more sample of such noise. The bound depends on
//! the network, its weights and the images alone, so it is the same on every machine.

use std::thread;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::RngCore;
use sartor_kernels::reference::bound::{EPSILON, UNDERFLOW, max_abs};
use sartor_models::{Network, NodeId, Op, Reduction, Weights};

use crate::judge::engines::{EngineError, ReferenceEngine};

/// The number of noisy runs. One would not be enough: if a network amplifies rounding most in a single direction, the largest
/// error of a run is the size of one random number, which may happen to be near zero.
const RUNS: u64 = 8;

/// The largest error that an engine may have at a node, divided by the root mean square, over the noisy runs, of their largest
/// errors there. If all errors lie in a single direction, they are normally distributed, and an engine whose roundings are as
/// large as the noise exceeds this once in 250 networks (Student's t with [`RUNS`] degrees of freedom). On the zoo, the median
/// error of the engines is two fifths of the noise; at that size, this is exceeded once in 100,000 networks.
const DRIFT: f64 = 4.0;

/// The least that is allowed, in epsilons of the largest exact value: a few roundings, even where the noise happens to cancel.
const FLOOR: f64 = 8.0;

/// If a channel has no more values than this, all of its sums may happen to be near zero, though their roundings are not.
const FEW: usize = 8;

/// One run of the network: the values of its nodes, and the source of its noise. The exact run has none.
struct Sample {
    values: Vec<Vec<f64>>,
    noise: Option<Pcg32>,
}

/// Calls `visit` for every node, in order, with its exact value, NCHW, and how far an f32 engine's value may be from it.
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
    let noise = (0..RUNS).map(|run| Some(Pcg32::new(0, run)));
    let mut runs: Vec<Sample> = [None].into_iter().chain(noise).map(|noise| Sample { values: Vec::new(), noise }).collect();
    for (index, node) in network.nodes().iter().enumerate() {
        let id = NodeId(index);
        if node.op == Op::Input {
            let exact: Vec<f64> = input.iter().map(|&x| x.into()).collect();
            runs.iter_mut().for_each(|run| run.values.push(exact.clone()));
        } else {
            compute(&engine, id, batch, &mut runs);
            let expected = match node.inputs.first() {
                Some(input) => expected(&engine, network, id, &runs[0].values[input.0]),
                None => 0.0,
            };
            // The size of the noise is the same in all runs.
            let (exact, noisy) = runs.split_first_mut().expect("the exact run");
            let sizes = sizes(&exact.values, network, id, expected);
            for run in noisy {
                let noise = run.noise.as_mut().expect("a noisy run");
                for (noisy, size) in run.values[index].iter_mut().zip(&sizes) {
                    *noisy += if noise.next_u32() & 1 == 0 { *size } else { -size };
                }
            }
        }
        let exact = &runs[0].values[index];
        let largest =
            |run: &Sample| run.values[index].iter().zip(exact).map(|(noisy, exact)| (exact - noisy).abs()).fold(0.0, f64::max);
        let mean_square = runs[1..].iter().map(|run| largest(run).powi(2)).sum::<f64>() / RUNS as f64;
        visit(id, exact, DRIFT * mean_square.sqrt() + FLOOR * EPSILON * max_abs(exact) + UNDERFLOW);
        for input in 0..=index {
            let is_read_later = network.nodes()[index + 1..].iter().any(|later| later.inputs.contains(&NodeId(input)));
            if !is_read_later {
                runs.iter_mut().for_each(|run| run.values[input] = Vec::new());
            }
        }
    }
    Ok(())
}

/// Computes a node in all runs, each on a thread of its own.
fn compute(engine: &ReferenceEngine<'_>, id: NodeId, batch: usize, runs: &mut [Sample]) {
    thread::scope(|scope| {
        for run in runs {
            scope.spawn(move || {
                let inputs: Vec<&[f64]> = engine.inputs(id).iter().map(|input| &run.values[input.0][..]).collect();
                let value = engine.node(id, &inputs, batch);
                run.values.push(value);
            });
        }
    });
}

/// The size of the noise at each of a node's values, which is the size that rounding in f32 has; empty where nothing is rounded. For a sum of
/// `K` products of random sign it is `sqrt(K)` half epsilons of the result's root mean square: partial sums grow as the products add up, and
/// their roundings add up in the same way. The mean square is taken over a channel, because batch norms bring channels of different size
/// together; channels of one pixel are taken together. Of [`FEW`] values or fewer it is at least the `expected` mean square. Where the error
/// of a value is relative to more than that, its [`scale`] counts.
fn sizes(exact: &[Vec<f64>], network: &Network, id: NodeId, expected: f64) -> Vec<f64> {
    let node = network.node(id);
    let terms = match node.op {
        Op::Conv2d(_) | Op::Linear { .. } => products(network, id) + 1,
        Op::AvgPool { .. } | Op::Reduce(Reduction::Mean | Reduction::Sum) => products(network, id),
        Op::Reduce(_) => return Vec::new(),
        Op::Binary(op) if op.is_exact() => return Vec::new(),
        Op::BatchNorm { .. } | Op::Add | Op::Binary(_) | Op::Softmax { .. } => 1,
        // Twice the size of one rounding, for the exponential, the sum and the division.
        Op::Activation(act) if !act.is_exact() => 4,
        Op::Input | Op::Constant(_) | Op::Activation(_) | Op::MaxPool(_) | Op::Rearrange(_) => return Vec::new(),
        Op::Concat | Op::ChannelShuffle { .. } | Op::Slice { .. } | Op::Transpose(_) | Op::Reshape(_) => return Vec::new(),
    };
    let alike = if node.shape.pixels() == 1 { node.shape.c } else { node.shape.pixels() };
    let factor = EPSILON / 2.0 * (terms as f64).sqrt();
    let mut sizes = Vec::with_capacity(exact[id.0].len());
    for values in exact[id.0].chunks_exact(alike) {
        let mean_square = values.iter().map(|x| x * x).sum::<f64>() / alike as f64;
        let mean_square = if alike <= FEW { mean_square.max(expected) } else { mean_square };
        let (typical, first) = (mean_square.sqrt(), sizes.len());
        sizes.extend((first..first + alike).map(|i| factor * typical.max(scale(network, id, exact, i))));
    }
    sizes
}

/// What the error of value `i` of a node is relative to: the value, or more where the leading digits of an activation cancel, as those of
/// GELU do far below zero.
fn scale(network: &Network, id: NodeId, exact: &[Vec<f64>], i: usize) -> f64 {
    let (node, result) = (network.node(id), exact[id.0][i]);
    match node.op {
        Op::Activation(act) if !act.is_exact() => act.scale(exact[node.inputs[0].0][i], result),
        _ => result.abs(),
    }
}

/// The number of terms in each of a node's sums, without a bias; 1 if the node sums nothing.
fn products(network: &Network, id: NodeId) -> usize {
    let node = network.node(id);
    let src = network.node(node.inputs[0]).shape;
    match node.op {
        Op::Conv2d(conv) => src.c / conv.groups * conv.window.taps(),
        Op::Linear { .. } => src.c,
        Op::AvgPool { window, .. } => window.taps(),
        Op::Reduce(reduction) if reduction.adds() => src.pixels(),
        _ => 1,
    }
}

/// The mean square of a node's sums if their terms have random signs, from the mean squares of input and weights; zero if the node sums
/// nothing.
fn expected(engine: &ReferenceEngine<'_>, network: &Network, id: NodeId, input: &[f64]) -> f64 {
    let node = network.node(id);
    let mean_square = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>() / values.len().max(1) as f64;
    let param = |suffix| mean_square(&engine.param(id, suffix).iter().map(|&x| x.into()).collect::<Vec<f64>>());
    let (terms, input) = (products(network, id) as f64, mean_square(input));
    match node.op {
        Op::Conv2d(_) | Op::Linear { .. } => terms * input * param("weight") + param("bias"),
        Op::AvgPool { .. } | Op::Reduce(Reduction::Mean) => input / terms,
        Op::Reduce(Reduction::Sum) => input * terms,
        Op::BatchNorm { eps } => {
            let (scale, shift) = engine.affine(id, eps);
            input * mean_square(&scale) + mean_square(&shift)
        }
        _ => 0.0,
    }
}
