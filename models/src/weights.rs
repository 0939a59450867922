//! Named tensors: in memory, in safetensors files, and at random.

mod classes;
mod header;
mod kind;
mod list;
mod load;
mod naming;
mod prefix;
mod random;
mod save;
mod values;

use std::collections::BTreeMap;
use std::fmt;

use crate::graph::{Network, NodeId, Param};

pub use kind::Kind;
pub use list::list;
pub use load::{LoadError, LoadOptions, Loaded, Problem};
pub use save::SaveError;

/// A tensor of f32 in PyTorch's order.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor that owns its values.
    ///
    /// # Panics
    /// If the shape does not hold `data.len()` values.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "shape {shape:?}");
        Self { shape, data }
    }

    /// Dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Values, the last dimension varying fastest.
    pub fn data(&self) -> &[f32] {
        &self.data
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor{:?}", self.shape)
    }
}

/// Tensors by name, in the names of the network's own parameters ([`Network::params`](crate::Network::params)).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
    allow_non_finite: bool,
}

impl Weights {
    /// The tensor of a name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// These weights, of which engines and compilers take NaN and infinite values, in them and folded from them; they refuse them
    /// otherwise.
    pub fn with_non_finite_allowed(self) -> Self {
        Self { allow_non_finite: true, ..self }
    }

    /// What is wrong with the network's parameters: see [`problems_of`](Self::problems_of).
    pub fn problems(&self, network: &Network) -> Vec<Problem> {
        self.problems_of(network, &network.ids().collect::<Vec<_>>())
    }

    /// The parameters of some nodes that are missing here, have another shape, or have values that are NaN or infinite or become so
    /// where batch norms are folded into the weights before them. Where values of that kind are allowed, they are none.
    pub fn problems_of(&self, network: &Network, nodes: &[NodeId]) -> Vec<Problem> {
        let problem = |param: Param| match self.get(&param.name) {
            None => Some(Problem::Missing { name: param.name, shape: param.shape }),
            Some(tensor) if tensor.shape() != param.shape => {
                Some(Problem::Shape { name: param.name, found: tensor.shape().to_vec(), expected: param.shape })
            }
            Some(_) => None,
        };
        let mut problems: Vec<Problem> = nodes.iter().flat_map(|&id| network.params_of(id)).filter_map(problem).collect();
        if !self.allow_non_finite {
            problems.extend(values::problems(self, network, nodes, |name| name.to_owned()));
        }
        problems
    }

    /// All tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}
