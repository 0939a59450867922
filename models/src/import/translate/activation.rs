//! Elementwise functions of maps.

use super::super::function::function;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::translator::{Translator, computed};
use crate::graph::{Activation, NodeId, Op};

/// What is translated here.
pub use super::super::function::OPERATORS;

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    node.skip(&["consumed_inputs"]);
    let input = computed(node)?;
    let id = match function(node)? {
        Some(function) => t.activation(node.output(0), function, input.node)?,
        None => input.node,
    };
    Ok(vec![Value::Computed(Computed { node: id, view: input.view.clone() })])
}

impl Translator {
    /// Adds an elementwise function.
    pub(super) fn activation(&mut self, name: &str, function: Activation, input: NodeId) -> Result<NodeId> {
        self.add(name, Op::Activation(function), &[input])
    }
}
