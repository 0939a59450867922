//! Checks that weights fit a network.

use super::problem::Problem;
use super::tensors::Weights;
use super::values;
use crate::graph::{Network, NodeId, Param};

impl Weights {
    /// What is wrong with the parameters of a network; see [`problems_of`](Self::problems_of).
    pub fn problems(&self, network: &Network) -> Vec<Problem> {
        self.problems_of(network, &network.ids().collect::<Vec<_>>())
    }

    /// What is wrong with the parameters of some nodes: they are missing, have a wrong shape, or have values that are NaN or
    /// infinite, or become so when batch norms are folded into the weights before them. Such values are no problem if they are
    /// allowed.
    pub fn problems_of(&self, network: &Network, nodes: &[NodeId]) -> Vec<Problem> {
        let problem = |param: Param| match self.get(&param.name) {
            None => Some(Problem::Missing { name: param.name, shape: param.shape }),
            Some(tensor) if tensor.shape() != param.shape => {
                Some(Problem::Shape { name: param.name, found: tensor.shape().to_vec(), expected: param.shape })
            }
            Some(_) => None,
        };
        let mut problems: Vec<Problem> = nodes.iter().flat_map(|&id| network.params_of(id)).filter_map(problem).collect();
        if !self.allows_non_finite() {
            problems.extend(values::problems(self, network, nodes, |name| name.to_owned()));
        }
        problems
    }
}
