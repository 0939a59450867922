//! From a network and its weights to fused layers.
//!
//! `fuse` folds and fuses in the network's own terms, `place` decides which layers write straight into a concatenation's
//! map, and `lanes` gives every value its map and lanes and packs the weights accordingly.

mod error;
mod fold;
mod fuse;
mod lanes;
mod place;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod zoo_tests;

use sartor_models::{Network, Weights};

use crate::network::layers::Normalized;

pub use error::NormalizeError;

/// Folds, fuses and lays out a network. Nodes that no output depends on are dropped, and their tensors are not needed.
///
/// Only `Conv::src` reads the network's input or a part of a map; all other layers read whole NHWC maps. A layer under an
/// activation that followed a concatenation has the activation's node as its value, which is complete once the last layer
/// that writes the same map has run.
///
/// # Errors
/// If tensors are missing or ill-shaped, if a window is dilated, for no kernel is compiled for one yet, if they hold or give by folding values that are NaN or infinite and the weights do not allow
/// it, or if an operator is unsupported where it stands.
pub fn normalize(network: &Network, weights: &Weights) -> Result<Normalized, NormalizeError> {
    let fused = fuse::fuse(network, weights)?;
    let places = place::place(network, &fused);
    lanes::lay_out(network, weights, &fused, &places)
}
