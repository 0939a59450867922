//! Reductions over pixels or channels.

use super::super::fold::axes;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{MapAxis, View};
use super::{Translator, computed};
use crate::graph::{Conv2d, NodeId, Op, Padding, Shape, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["ReduceMean"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Option<Result<Vec<Value>>> {
    match node.operator() {
        "ReduceMean" => Some(reduce(t, node)),
        _ => None,
    }
}

fn reduce(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (axes, keep) = axes(node, input.view.rank())?;
    let (view, shape) = (&input.view, t.shape(input.node));
    let inside = |axis: MapAxis| axes.iter().any(|&dim| view.touches(dim, axis));
    let outside = |axis: MapAxis| (0..view.rank()).any(|dim| !axes.contains(&dim) && view.touches(dim, axis));
    if let Some(axis) = MapAxis::ALL.into_iter().find(|&axis| inside(axis) && outside(axis)) {
        return Err(format!("axes reduce a part of the {axis:?} axis of a map of {shape}"));
    }
    let name = node.output(0);
    let mut id = input.node;
    match (inside(MapAxis::H), inside(MapAxis::W)) {
        (false, false) => {}
        (h, w) if (h || shape.h == 1) && (w || shape.w == 1) => id = t.add(name, Op::GlobalAvgPool, &[id])?,
        (h, _) => {
            let kernel = if h { (shape.h, 1) } else { (1, shape.w) };
            id = t.add(name, Op::AvgPool(Window::new(kernel, (1, 1), Padding::around(0))), &[id])?;
        }
    }
    if inside(MapAxis::C) {
        id = channel_mean(t, name, id)?;
    }
    let view = reduced(view, &axes, keep);
    Ok(vec![Value::Computed(Computed { node: id, view })])
}

/// The mean over the channels: a convolution to one channel.
pub fn channel_mean(t: &mut Translator, name: &str, input: NodeId) -> Result<NodeId> {
    let Shape { c, .. } = t.shape(input);
    let conv = Conv2d { oc: 1, groups: 1, bias: false, window: Window::POINT };
    t.add_with(name, Op::Conv2d(conv), &[input], vec![("weight", vec![1, c, 1, 1], vec![1.0 / c as f32; c])])
}

/// The view after these dimensions were reduced to one element.
fn reduced(view: &View, axes: &[usize], keep: bool) -> View {
    let view = axes.iter().fold(view.clone(), |view, &dim| view.without(dim));
    if keep {
        return view;
    }
    let left: Vec<usize> = (0..view.rank()).filter(|dim| !axes.contains(dim)).collect();
    view.transposed(&left)
}
