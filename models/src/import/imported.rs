//! What was read from a file.

use super::inputs::Interface;
use crate::graph::Network;
use crate::weights::Weights;

/// A network that was read from a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network. Its nodes have the names of the file's tensors.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// The file's inputs and outputs, and how the network's maps lie in them.
    pub interface: Interface,
    /// Whether weights were missing, and were drawn at random.
    pub random: bool,
}
