//! Engines that run a network as it is, without compiling it: the definition of right, and the baseline.

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

/// A network that cannot be run, or not on this input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Tensors that the network needs are missing, have another shape, or have or give values that are NaN or infinite.
    #[error("the weights do not fit network '{}':{}\ngive weights that were saved from this network", line(.network), list(.problems))]
    Tensors {
        /// The network's name.
        network: String,
        /// All tensors at fault.
        problems: Vec<Problem>,
    },
    /// The CPU lacks the level.
    #[error("this CPU cannot run level {0}: choose a lower one")]
    Level(Level),
    /// A batch of no images, or of more than memory has addresses for.
    #[error("batch is {batch}: use 1 or more, as many as {per_image} floats each fit the memory")]
    Batch {
        /// Images asked for.
        batch: usize,
        /// Floats of the largest map of one image.
        per_image: usize,
    },
    /// There is not so much memory for the maps of a batch.
    #[error("{0} for the batch: run fewer images at once")]
    Memory(#[from] OutOfMemory),
    /// An input of the wrong length.
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
    // Twice 16 lanes a pixel covers every padding, 16 bytes an element every type.
    let largest = |len: usize| len.checked_mul(batch)?.checked_mul(32)?.checked_mul(16).filter(|&n| n <= isize::MAX as usize);
    let per_image = network.nodes().iter().map(|node| node.shape.len()).max().unwrap_or(0);
    if batch == 0 || largest(per_image).is_none() {
        return Err(EngineError::Batch { batch, per_image });
    }
    let expected = network.input_shape().len() * batch;
    if input.len() == expected { Ok(()) } else { Err(EngineError::Input { batch, expected, found: input.len() }) }
}

/// A parameter of a node; engines check that all are there when they are made.
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
