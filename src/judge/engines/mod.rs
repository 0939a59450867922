//! Engines that run a network without compiling it. The reference engine defines what is right; the generic engine is the baseline that
//! compiled programs are compared with.

mod generic;
mod reference;
#[cfg(test)]
mod tests;

use sartor_kernels::runtime::{Level, OutOfMemory};
use sartor_kernels::shape::{Conv, Maps};
use sartor_models::escape::line;
use sartor_models::weights::{Problem, list};
use sartor_models::{Conv2d, Network, NodeId, Weights};

pub use generic::GenericEngine;
pub use reference::{Expected, ReferenceEngine};

/// An engine cannot run the network, or not on this input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Tensors that the network needs are missing, have a wrong shape, or hold or lead to values that are NaN or infinite.
    #[error("the weights do not fit network '{}':{}\nuse weights that were saved from this network", line(.network), list(.problems))]
    Tensors {
        /// The network's name.
        network: String,
        /// All tensors that are wrong.
        problems: Vec<Problem>,
    },
    /// The CPU lacks the level.
    #[error("this CPU cannot run level {0}: choose a lower one")]
    Level(Level),
    /// The batch has no images, or more than memory has addresses for.
    #[error("batch is {batch}: use at least 1, and no more than fit in memory at {per_image} floats each")]
    Batch {
        /// Images asked for.
        batch: usize,
        /// Floats of the largest map of one image.
        per_image: usize,
    },
    /// The maps of the batch do not fit in memory.
    #[error("{0} for the batch: run fewer images at once")]
    Memory(#[from] OutOfMemory),
    /// The input has a wrong length.
    #[error("the input has {found} values, a batch of {batch} needs {expected}")]
    Input {
        /// Images.
        batch: usize,
        /// Values needed.
        expected: usize,
        /// Values given.
        found: usize,
    },
}

fn check_tensors(network: &Network, weights: &Weights) -> Result<(), EngineError> {
    let problems = weights.problems(network);
    if problems.is_empty() { Ok(()) } else { Err(EngineError::Tensors { network: network.name.clone(), problems }) }
}

fn check_input(network: &Network, input: &[f32], batch: usize) -> Result<(), EngineError> {
    // 32 lanes a pixel cover every padding, and 16 bytes an element every type.
    let largest = |len: usize| len.checked_mul(batch)?.checked_mul(32)?.checked_mul(16).filter(|&n| n <= isize::MAX as usize);
    let per_image = network.nodes().iter().map(|node| node.shape.len()).max().unwrap_or(0);
    if batch == 0 || largest(per_image).is_none() {
        return Err(EngineError::Batch { batch, per_image });
    }
    let expected = network.input_shape().len() * batch;
    if input.len() == expected { Ok(()) } else { Err(EngineError::Input { batch, expected, found: input.len() }) }
}

/// A parameter of a node. Engines check when they are made that all parameters are there.
fn param<'a>(network: &Network, weights: &'a Weights, id: NodeId, suffix: &str) -> &'a [f32] {
    weights.get(&format!("{}.{suffix}", network.node(id).name)).map_or(&[], |tensor| tensor.data())
}

fn maps(network: &Network, id: NodeId, batch: usize) -> Maps {
    let shape = network.node(id).shape;
    Maps::new(batch, shape.c, shape.h, shape.w)
}

fn conv(conv: Conv2d) -> Conv {
    Conv { oc: conv.oc, groups: conv.groups, window: conv.window }
}
