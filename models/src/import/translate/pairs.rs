//! Sums, products and the like of two tensors.

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{MapAxis, View};
use super::{Shared, Translator, by_channel};
use crate::graph::{Op, Shape};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Add", "Sub", "Mul", "Div", "Sum"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Option<Result<Vec<Value>>> {
    OPERATORS.contains(&node.operator()).then(|| {
        node.skip(&["broadcast", "axis", "consumed_inputs"]);
        let inputs = node.inputs();
        let (first, rest) = inputs.split_first().ok_or("it has no inputs")?;
        let mut value = first.clone();
        for other in rest {
            value = pair(t, node, &value, other)?;
        }
        Ok(vec![value])
    })
}

fn pair(t: &mut Translator, node: &NodeReader<'_>, a: &Value, b: &Value) -> Result<Value> {
    match (a, b) {
        (Value::Computed(a), Value::Computed(b)) => maps(t, node, a, b),
        (Value::Computed(x), Value::Constant(constant)) => with_constant(t, node, x, constant, false),
        (Value::Constant(constant), Value::Computed(x)) => with_constant(t, node, x, constant, true),
        _ => Err("its inputs are missing".into()),
    }
}

/// An operator of a map and a constant; `swapped` if the constant comes first.
fn with_constant(t: &mut Translator, node: &NodeReader<'_>, x: &Computed, constant: &Shared, swapped: bool) -> Result<Value> {
    // A constant may add dimensions of length one in front.
    let rank = constant.dims.len().max(x.view.rank());
    let view = with_rank(&x.view, rank);
    let values = by_channel(&view, t.shape(x.node), constant)?;
    let ones = vec![1.0; values.len()];
    let zeros = vec![0.0; values.len()];
    let negative = |values: &[f32]| values.iter().map(|x| -x).collect::<Vec<f32>>();
    let (scale, shift) = match (node.operator(), swapped) {
        ("Add" | "Sum", _) => (ones, values),
        ("Sub", false) => (ones, negative(&values)),
        ("Sub", true) => (negative(&ones), values),
        ("Mul", _) => (values, zeros),
        ("Div", false) => (values.iter().map(|x| 1.0 / x).collect(), zeros),
        _ => return Err("a constant is divided by what the network computes".into()),
    };
    let neutral = scale.iter().all(|&x| x == 1.0) && shift.iter().all(|&x| x == 0.0);
    let id = if neutral { x.node } else { t.affine(node.output(0), x.node, scale, shift)? };
    Ok(Value::Computed(Computed { node: id, view }))
}

/// The view with dimensions of length one in front.
fn with_rank(view: &View, rank: usize) -> View {
    let sizes = [vec![1; rank - view.rank()], view.sizes()].concat();
    view.reshaped(&sizes).unwrap_or_else(|| view.clone())
}

/// The map axes that a view runs through, as a shape with ones elsewhere.
fn extent(view: &View, shape: Shape) -> Shape {
    let of = |axis: MapAxis| if (0..view.rank()).any(|dim| view.touches(dim, axis)) { axis.of(shape) } else { 1 };
    Shape::new(of(MapAxis::C), of(MapAxis::H), of(MapAxis::W))
}

fn maps(t: &mut Translator, node: &NodeReader<'_>, a: &Computed, b: &Computed) -> Result<Value> {
    let rank = a.view.rank().max(b.view.rank());
    let (a_view, b_view) = (with_rank(&a.view, rank), with_rank(&b.view, rank));
    let covers = |x: &View, y: &View| x.sizes().iter().zip(y.sizes()).all(|(x, y)| *x == y || y == 1);
    let swapped = !covers(&a_view, &b_view);
    let (whole, part, view, other) = if swapped { (b, a, &b_view, &a_view) } else { (a, b, &a_view, &b_view) };
    if !covers(view, other) {
        return Err(format!("its inputs have dimensions {:?} and {:?}, and one of them must cover the other", a_view.sizes(), b_view.sizes()));
    }
    // The part must lie in its map as the whole does.
    let agree = (0..rank).all(|dim| other.dim(dim).is_empty() || other.dim(dim) == view.dim(dim));
    let part_node = if agree { part.node } else { aligned(t, node, view, t.shape(whole.node), part, other)? };
    let (shape, part_shape) = (t.shape(whole.node), t.shape(part_node));
    if agree && extent(other, part_shape) != part_shape {
        return Err(format!("its second input is a part of a map of {part_shape}"));
    }
    let op = match (node.operator(), part_shape == shape) {
        ("Add" | "Sum", true) => Op::Add,
        ("Mul", false) if part_shape == Shape::new(shape.c, 1, 1) => Op::Mul,
        _ => return Err(format!("the network computes both inputs, maps of {shape} and {part_shape}; this is not supported")),
    };
    let id = t.add(node.output(0), op, &[whole.node, part_node])?;
    Ok(Value::Computed(Computed { node: id, view: view.clone() }))
}

/// The part, arranged as the whole is.
fn aligned(t: &mut Translator, node: &NodeReader<'_>, view: &View, shape: Shape, part: &Computed, other: &View) -> Result<crate::graph::NodeId> {
    let mut groups = [Vec::new(), Vec::new(), Vec::new()];
    for dim in 0..view.rank() {
        match view.axis(dim, shape) {
            Some(axis) => groups[axis as usize] = other.merged(dim..dim + 1),
            None if view.dim(dim).is_empty() && other.dim(dim).is_empty() => {}
            None => return Err(format!("its inputs, of dimensions {:?} and {:?}, lie in memory in different orders", view.sizes(), other.sizes())),
        }
    }
    t.arranged(node.output(0), part, &groups)
}
