//! From a network and its weights to fused layers.
//!
//! `fuse` folds and fuses in the network's own terms. `place` decides which layers write straight into the map of a
//! concatenation. `tails` finds what only the copying to the outputs has to know, and `view` where values lie that were moved. `lanes` gives every value its map and lanes, and puts the weights in their order.

mod branches;
#[cfg(test)]
mod branches_tests;
mod by_lane;
mod copies;
mod error;
mod fold;
mod fuse;
mod lanes;
mod place;
#[cfg(test)]
mod place_tests;
mod tails;
#[cfg(test)]
mod tests;
mod view;
#[cfg(test)]
mod zoo_tests;

use sartor_models::{Network, Weights};

use crate::network::layers::Normalized;

pub use error::NormalizeError;

/// Folds, fuses and lays out a network. Nodes that no output depends on are dropped, and their tensors are not needed.
///
/// Only `Conv::src` may be the network's input or a part of a map. All other layers read whole NHWC maps. If an activation
/// follows a concatenation, the layers that write the concatenation apply it. They have the activation's node as their value,
/// which is complete once the last of them has run.
///
/// # Errors
/// If tensors are missing or have the wrong shape; if they hold values that are NaN or infinite, or give such values by folding,
/// and the weights do not allow it; or if an operator is unsupported in its position.
pub fn normalize(network: &Network, weights: &Weights) -> Result<Normalized, NormalizeError> {
    let fused = fuse::fuse(network, weights)?;
    let places = place::place(network, &fused);
    lanes::lay_out(network, weights, &fused, &places)
}
