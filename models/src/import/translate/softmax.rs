//! Softmax and its logarithm.

use super::super::fold::softmax_dims;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::MapAxis;
use super::moved::with_channels;
use super::translator::{Translator, computed};
use crate::graph::Op;

/// What is translated here.
pub const OPERATORS: &[&str] = &["Softmax", "LogSoftmax"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    softmax(t, node)
}

fn softmax(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (view, rank) = (&input.view, input.view.rank());
    let shape = t.shape(input.node);
    let over = softmax_dims(node, rank)?;
    let dims: Vec<usize> = over.clone().filter(|&dim| !view.dim(dim).is_empty()).collect();
    let is_channels = matches!(dims[..], [dim] if view.axis(dim, shape) == Some(MapAxis::C));
    let Computed { node: source, view } =
        if is_channels { input.clone() } else { with_channels(t, &format!("{}.channels", node.output(0)), input, over)? };
    let id = t.add(node.output(0), Op::Softmax { log: node.operator() == "LogSoftmax" }, &[source])?;
    Ok(vec![Value::Computed(Computed { node: id, view })])
}
