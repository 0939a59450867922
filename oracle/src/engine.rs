//! What is judged: everything that computes a network.

use std::collections::BTreeMap;

use sartor_models::{Network, NodeId, Weights};
use tch::{Kind, Tensor};

use crate::torch::{Torch, ids, tensor};

/// Something that computes a network.
pub trait Engine {
    /// For messages.
    fn name(&self) -> String;

    /// The level it runs on, for the count of what was checked there.
    fn level(&self) -> Option<&'static str>;

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

/// PyTorch in f32: if it does not pass, the tolerances are wrong.
pub struct Pytorch;

impl Engine for Pytorch {
    fn name(&self) -> String {
        "PyTorch".into()
    }

    fn level(&self) -> Option<&'static str> {
        None
    }

    fn values(
        &self,
        network: &Network,
        weights: &Weights,
        input: &[f32],
        batch: usize,
    ) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let input = tensor(input, batch, network.input_shape());
        Ok(ids(network).zip(Torch::new(network, weights).run(&input, Kind::Float)).collect())
    }
}

/// Every engine of this machine.
pub fn engines() -> Vec<Box<dyn Engine>> {
    vec![Box::new(Pytorch)]
}
