//! What is judged: everything that computes a network.

use std::collections::BTreeMap;

use sartor_models::{Network, NodeId, Weights};
use tch::Tensor;

/// Something that computes a network.
pub trait Engine {
    /// For messages.
    fn name(&self) -> String;

    /// The level of this machine that it runs on, if it has one, for the count of what was checked there.
    fn level(&self) -> Option<&'static str> {
        None
    }

    /// The values of all nodes that it keeps, among them the input and the outputs, for `batch` inputs in PyTorch's order.
    ///
    /// # Errors
    /// If it does not support the network: why.
    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String>;
}
