//! Softmax and its logarithm.

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::MapAxis;
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
    if !is_channels {
        return Err(format!("axis is {axis}, which is not the channels of its input of dimensions {:?}", view.sizes()));
    }
    let id = t.add(node.output(0), Op::Softmax { log: node.operator() == "LogSoftmax" }, &[input.node])?;
    Ok(vec![Value::Computed(Computed { node: id, view: view.clone() })])
}
