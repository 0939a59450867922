//! Softmax and its logarithm.

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{Factor, MapAxis};
use super::translator::{Translator, computed};
use crate::graph::{NodeId, Op, Shape};

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
    let over = if flattens { axis..rank } else { axis..axis + 1 };
    let dims: Vec<usize> = over.filter(|&dim| !view.dim(dim).is_empty()).collect();
    let op = Op::Softmax { log: node.operator() == "LogSoftmax" };
    let id = t.over_channels(node.output(0), input, &dims, |t, name, map| t.add(name, op, &[map]))?;
    let Some(id) = id else {
        return Err(format!("axis is {axis}, which is no axis in memory of its input of dimensions {:?}", view.sizes()));
    };
    Ok(vec![Value::Computed(Computed { node: id, view: view.clone() })])
}

impl Translator {
    /// Computes something over dimensions of a tensor that works over the channels of a map and keeps its shape. The dimensions
    /// become the channels for it, and then what they were. `None` if they are neither an axis, nor the outer part of the channels, nor all
    /// pixels, nor the whole tensor.
    pub(super) fn over_channels(
        &mut self,
        name: &str,
        input: &Computed,
        dims: &[usize],
        compute: impl Fn(&mut Self, &str, NodeId) -> Result<NodeId>,
    ) -> Result<Option<NodeId>> {
        let (view, shape) = (&input.view, self.shape(input.node));
        let factors: Vec<Factor> = dims.iter().flat_map(|&dim| view.dim(dim)).copied().collect();
        let around = |t: &mut Self, changed: NodeId| compute(t, &format!("{name}.computed"), changed);
        if let [dim] = dims[..]
            && let Some(axis) = view.axis(dim, shape)
        {
            let order = match axis {
                MapAxis::C => return compute(self, name, input.node).map(Some),
                MapAxis::H => [1, 0, 2],
                MapAxis::W => [2, 1, 0],
            };
            let turned = self.transposed(&format!("{name}.lines"), input.node, order)?;
            let computed = around(self, turned)?;
            return self.transposed(name, computed, order).map(Some);
        }
        let whole = shape.len();
        let pixels = view.merged_pixels(dims, shape);
        if pixels && shape.c > 1 {
            let flat = self.reshaped(&format!("{name}.flat"), input.node, Shape::new(shape.c, 1, shape.pixels()))?;
            let turned = self.transposed(&format!("{name}.lines"), flat, [2, 1, 0])?;
            let computed = around(self, turned)?;
            let back = self.transposed(&format!("{name}.back"), computed, [2, 1, 0])?;
            return self.reshaped(name, back, shape).map(Some);
        }
        let size: usize = factors.iter().map(|factor| factor.size).product();
        let is_outer = matches!(factors[..], [factor] if factor.axis == MapAxis::C && factor.size * factor.stride == shape.c);
        // In which order elements stand does not matter where all count alike.
        if !is_outer && size != whole {
            return Ok(None);
        }
        let flat = self.reshaped(&format!("{name}.flat"), input.node, Shape::new(size, 1, whole / size))?;
        let computed = around(self, flat)?;
        self.reshaped(name, computed, shape).map(Some)
    }
}
