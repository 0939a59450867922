//! Named tensors: in memory, in safetensors files, and at random.

mod load;
mod random;
mod save;

use std::collections::BTreeMap;
use std::fmt;

use crate::graph::{Network, Param};

pub(crate) use load::list;
pub use load::{LoadError, LoadOptions, Problem};
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

    /// The network's parameters that are missing here or have another shape.
    pub fn problems(&self, network: &Network) -> Vec<Problem> {
        let problem = |param: Param| match self.get(&param.name) {
            None => Some(Problem::Missing { name: param.name, shape: param.shape }),
            Some(tensor) if tensor.shape() != param.shape => {
                Some(Problem::Shape { name: param.name, found: tensor.shape().to_vec(), expected: param.shape })
            }
            Some(_) => None,
        };
        network.params().into_iter().filter_map(problem).collect()
    }

    /// All tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}
