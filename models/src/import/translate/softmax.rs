//! Softmax and its logarithm.

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
    // Before version 13, all dimensions from the axis on are one.
    let flattens = node.opset < 13;
    let axis = node.axis(node.int("axis")?.unwrap_or(if flattens { 1 } else { -1 }), rank)?;
    let shape = t.shape(input.node);
    let over = if flattens { axis..rank } else { axis..axis + 1 };
    let dims: Vec<usize> = over.filter(|&dim| !view.dim(dim).is_empty()).collect();
    let is_channels = matches!(dims[..], [dim] if view.axis(dim, shape) == Some(MapAxis::C));
    let end = if flattens { rank } else { axis + 1 };
    let Computed { node: source, view } =
        if is_channels { input.clone() } else { with_channels(t, &format!("{}.channels", node.output(0)), input, axis..end)? };
    let id = t.add(node.output(0), Op::Softmax { log: node.operator() == "LogSoftmax" }, &[source])?;
    Ok(vec![Value::Computed(Computed { node: id, view })])
}
