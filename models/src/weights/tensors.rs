//! Named tensors in memory.

use std::collections::BTreeMap;
use std::fmt;

/// A tensor of f32, in PyTorch's order.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor that owns its values.
    ///
    /// # Panics
    /// If the shape does not have `data.len()` values.
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

/// Tensors by name. The names are those of the network's parameters ([`Network::params`](crate::Network::params)).
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

    /// Takes the tensors of a node away.
    pub(crate) fn remove_of(&mut self, node: &str) {
        let prefix = format!("{node}.");
        let all = self.tensors.range(prefix.clone()..).map(|(name, _)| name).take_while(|name| name.starts_with(&prefix));
        let own: Vec<String> = all.filter(|name| !name[prefix.len()..].contains('.')).cloned().collect();
        own.iter().for_each(|name| drop(self.tensors.remove(name)));
    }

    /// The same weights, with values allowed that are NaN or infinite, or become so when batch norms are folded. Otherwise
    /// engines and the compiler refuse such values.
    pub fn with_non_finite_allowed(self) -> Self {
        Self { allow_non_finite: true, ..self }
    }

    pub(super) fn allow_non_finite(&mut self, allow: bool) {
        self.allow_non_finite = allow;
    }

    pub(super) fn allows_non_finite(&self) -> bool {
        self.allow_non_finite
    }

    /// All tensors, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}
