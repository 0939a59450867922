//! Operators that join and select channels.

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::MapAxis;
use super::{Constant, Translator};
use crate::graph::{Conv2d, NodeId, Op, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Concat"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Option<Result<Vec<Value>>> {
    match node.operator() {
        "Concat" => Some(concat(t, node)),
        _ => None,
    }
}

fn concat(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let rank = node.inputs().iter().find_map(Value::dims).map_or(0, |dims| dims.len());
    let axis = node.axis(node.int("axis")?.unwrap_or(1), rank)?;
    if let [Value::Computed(x), Value::Constant(zeros)] = node.inputs()
        && zeros.as_floats().is_some_and(|values| values.iter().all(|&x| x == 0.0))
    {
        return padded(t, node, x, zeros, axis);
    }
    let mut parts: Vec<(NodeId, Computed)> = Vec::new();
    for input in node.inputs() {
        let Value::Computed(part) = input else { return Err("one of its inputs is constant, and only zeros behind a map are supported".into()) };
        let shape = t.shape(part.node);
        let is_channels = part.view.axis(axis, shape) == Some(MapAxis::C) || (shape.c == 1 && part.view.dim(axis).is_empty());
        if !is_channels {
            return Err(format!("axis is {axis}, which is not the channels of an input of dimensions {:?}", part.view.sizes()));
        }
        parts.push((part.node, part.clone()));
    }
    let Some((_, first)) = parts.first() else { return Err("it has no inputs".into()) };
    let others = |part: &Computed| part.view.without(axis);
    if let Some((_, other)) = parts.iter().find(|(_, part)| others(part) != others(first)) {
        return Err(format!("its inputs, of dimensions {:?} and {:?}, lie in memory in different orders", first.view.sizes(), other.view.sizes()));
    }
    let view = first.view.clone();
    let nodes: Vec<NodeId> = parts.into_iter().map(|(id, _)| id).collect();
    let id = t.add(node.output(0), Op::Concat, &nodes)?;
    let view = view.resized(axis, MapAxis::C, t.shape(id).c);
    Ok(vec![Value::Computed(Computed { node: id, view })])
}

/// Channels of zeros behind those of a map: a convolution that copies. Most such maps are added to others, and need no copy then.
fn padded(t: &mut Translator, node: &NodeReader<'_>, x: &Computed, zeros: &Constant, axis: usize) -> Result<Vec<Value>> {
    let (shape, sizes) = (t.shape(x.node), x.view.sizes());
    let fits = zeros.dims.len() == sizes.len() && (0..sizes.len()).all(|i| i == axis || zeros.dims[i] == sizes[i]);
    if !fits || x.view.axis(axis, shape) != Some(MapAxis::C) {
        return Err(format!("zeros of dimensions {:?} behind a map of dimensions {sizes:?} are supported as channels only", zeros.dims));
    }
    let (c, oc) = (shape.c, shape.c + zeros.dims[axis]);
    let conv = Conv2d { oc, groups: 1, bias: false, window: Window::POINT };
    let weight = (0..oc * c).map(|i| if i / c == i % c { 1.0 } else { 0.0 }).collect();
    let id = t.add_with(node.output(0), Op::Conv2d(conv), &[x.node], vec![("weight", vec![oc, c, 1, 1], weight)])?;
    Ok(vec![Value::Computed(Computed { node: id, view: x.view.resized(axis, MapAxis::C, oc) })])
}
