//! What was read from a file.

use super::inputs::Interface;
use super::trace::Trace;
use crate::graph::Network;
use crate::weights::Weights;

/// A network that was read from a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network. Its nodes have the names of the file's nodes, and those that it returns the names of the file's outputs.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// The file's inputs and outputs, and how the network's maps lie in them.
    pub interface: Interface,
    /// Whether weights were missing, and were drawn at random.
    pub random: bool,
    /// What became of the file's nodes and tensors.
    pub trace: Trace,
}
