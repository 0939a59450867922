//! Sums, products and the like of two tensors.

use sartor_ops::Parameter;

use super::super::broadcast::{is_by_pixel, steps};
use super::super::constant::Constant;
use super::super::dims::broadcast;
use super::super::function::clip;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{MapAxis, View};
use super::constants::by_pixel;
use super::pad::with_rank;
use super::translator::{Shared, Translator, by_channel, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, NodeId, Op, Shape};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Mean", "PRelu"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    if node.operator() == "PRelu" {
        return prelu(t, node);
    }
    node.skip(&["broadcast", "consumed_inputs"]);
    let inputs = node.inputs();
    let (first, rest) = inputs.split_first().ok_or("it has no inputs")?;
    let mut value = first.clone();
    for other in rest {
        value = pair(t, node, &value, other)?;
    }
    if let ("Mean", Value::Computed(sum)) = (node.operator(), &value) {
        let factor = 1.0 / inputs.len() as f32;
        let c = t.shape(sum.node).c;
        let id = t.affine(node.output(0), sum.node, vec![factor; c], vec![0.0; c])?;
        value = Value::Computed(Computed { node: id, view: sum.view.clone() });
    }
    Ok(vec![value])
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
    let constant = &aligned_at_axis(node, x, constant)?;
    // A constant may add dimensions of length one in front.
    let rank = constant.dims.len().max(x.view.rank());
    let view = with_rank(&x.view, rank);
    if is_by_pixel(&view, &steps(&view, constant)?) {
        let other = by_pixel(t, node.output(0), x, &view, constant)?;
        let id = t.add(node.output(0), arithmetic(node, swapped), &[x.node, other])?;
        return Ok(Value::Computed(Computed { node: id, view }));
    }
    if matches!(node.operator(), "Max" | "Min") {
        return clamped(t, node, x, view, constant);
    }
    let values = by_channel(&view, t.shape(x.node), constant)?;
    let mut source = x.node;
    if let ("Div", true) = (node.operator(), swapped) {
        source = t.activation(&format!("{}.reciprocal", node.output(0)), Activation::Reciprocal, x.node)?;
    }
    let ones = vec![1.0; values.len()];
    let zeros = vec![0.0; values.len()];
    let negative = |values: &[f32]| values.iter().map(|x| -x).collect::<Vec<f32>>();
    let (scale, shift) = match (node.operator(), swapped) {
        ("Add" | "Sum" | "Mean", _) => (ones, values),
        ("Sub", false) => (ones, negative(&values)),
        ("Sub", true) => (negative(&ones), values),
        ("Mul", _) => (values, zeros),
        ("Div", false) => (values.iter().map(|x| 1.0 / x).collect(), zeros),
        _ => (values, zeros),
    };
    let neutral = scale.iter().all(|&x| x == 1.0) && shift.iter().all(|&x| x == 0.0);
    let id = if neutral { source } else { t.affine(node.output(0), source, scale, shift)? };
    Ok(Value::Computed(Computed { node: id, view }))
}

/// The constant with dimensions of length one behind, so that its first meets the one that `axis` says: version 6 says it so.
fn aligned_at_axis(node: &NodeReader<'_>, x: &Computed, constant: &Shared) -> Result<Shared> {
    let Some(axis) = node.int("axis")? else { return Ok(constant.clone()) };
    let rank = x.view.rank();
    let behind = (rank - node.axis(axis, rank)?).checked_sub(constant.dims.len());
    let behind = behind.ok_or_else(|| format!("axis is {axis}, for a constant of dimensions {:?}", constant.dims))?;
    let dims = [&constant.dims[..], &vec![1; behind]].concat();
    Ok(Shared::new(Constant { dims, data: constant.data.clone() }))
}

/// The larger or smaller of a map and a constant number.
fn clamped(t: &mut Translator, node: &NodeReader<'_>, x: &Computed, view: View, constant: &Shared) -> Result<Value> {
    let bound =
        constant.as_floats().filter(|values| values.iter().all(|value| *value == values[0])).and_then(|values| values.first());
    let bound = *bound.ok_or("a constant that is no single number is compared with a map")?;
    let function = if node.operator() == "Max" { clip(bound, f32::INFINITY) } else { clip(f32::NEG_INFINITY, bound) };
    let id = match function {
        Some(function) => t.activation(node.output(0), function, x.node)?,
        None => x.node,
    };
    Ok(Value::Computed(Computed { node: id, view }))
}

/// `max(0, x) + slope * min(0, x)`. With a slope of its own for each channel, it is the sum of both terms.
fn prelu(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let x = computed(node)?;
    let slope = node.needed(1)?.clone();
    // Before version 7, and by some writers since, a slope `[c]` is for the channels, wherever they are.
    let (rank, own) = (x.view.rank(), slope.data.len());
    let fits_last = own == 1 || slope.dims.len() != 1 || x.view.sizes().last() == Some(&own);
    let slope = if fits_last || rank < 2 {
        slope
    } else {
        let dims = std::iter::once(own).chain(std::iter::repeat_n(1, rank - 2)).collect();
        Shared::new(Constant { dims, data: slope.data.clone() })
    };
    let values = by_channel(&x.view, t.shape(x.node), &slope)?;
    let name = node.output(0);
    let id = match values.first() {
        Some(&first) if values.iter().all(|value| *value == first) => {
            t.activation(name, Activation::LeakyRelu(Parameter::new(first)), x.node)?
        }
        _ => {
            let above = t.activation(&format!("{name}.above"), Activation::Relu, x.node)?;
            let zero = Parameter::new(0.0);
            let below = Activation::Clip(Parameter::new(f32::NEG_INFINITY), zero);
            let below = t.activation(&format!("{name}.below"), below, x.node)?;
            let zeros = vec![0.0; values.len()];
            let below = t.affine(&format!("{name}.scaled"), below, values, zeros)?;
            t.add(name, Op::Add, &[above, below])?
        }
    };
    Ok(vec![Value::Computed(Computed { node: id, view: x.view.clone() })])
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
    if swapped && !covers(&b_view, &a_view) {
        // Each is repeated where the other is longer; the first to the whole.
        let sizes = broadcast(&a_view.sizes(), &b_view.sizes())?;
        let whole = t.repeated(&format!("{}.repeated", node.output(0)), a, &sizes)?;
        return maps(t, node, &whole, b);
    }
    let (whole, part, view, other) = if swapped { (b, a, &b_view, &a_view) } else { (a, b, &a_view, &b_view) };
    // The part must lie in its map as the whole does.
    let agree = (0..rank).all(|dim| other.dim(dim).is_empty() || other.dim(dim) == view.dim(dim));
    let part_node = if agree { part.node } else { aligned(t, node, view, t.shape(whole.node), part, other)? };
    let (shape, own) = (t.shape(whole.node), t.shape(part_node));
    if agree && extent(other, own) != own {
        return Err(format!("its second input is a part of a map of {own}"));
    }
    let part_node = t.spread(&format!("{}.lines", node.output(0)), part_node, shape)?;
    let part_shape = t.shape(part_node);
    let op = match arithmetic(node, swapped) {
        Op::Binary(Arithmetic::Add) if part_shape == shape => Op::Add,
        op => op,
    };
    let id = t.add(node.output(0), op, &[whole.node, part_node])?;
    Ok(Value::Computed(Computed { node: id, view: view.clone() }))
}

impl Translator {
    /// The part, with its pixels repeated if it has one row or one column only: operators repeat all pixels or none.
    pub(super) fn spread(&mut self, name: &str, part: NodeId, whole: Shape) -> Result<NodeId> {
        let shape = self.shape(part);
        let fits = |own: usize, whole: usize| own == whole || own == 1;
        if (shape.h, shape.w) == (1, 1) || !fits(shape.h, whole.h) || !fits(shape.w, whole.w) {
            return Ok(part);
        }
        self.expanded(name, part, Shape { h: whole.h, w: whole.w, ..shape })
    }
}

/// What a node does with two maps; `swapped` if the second of the file is the first here.
fn arithmetic(node: &NodeReader<'_>, swapped: bool) -> Op {
    Op::Binary(match (node.operator(), swapped) {
        ("Add" | "Sum" | "Mean", _) => Arithmetic::Add,
        ("Mul", _) => Arithmetic::Mul,
        ("Sub", false) => Arithmetic::Sub,
        ("Sub", true) => Arithmetic::SubFrom,
        ("Div", false) => Arithmetic::Div,
        ("Div", true) => Arithmetic::DivInto,
        ("Max", _) => Arithmetic::Max,
        _ => Arithmetic::Min,
    })
}

/// The part, arranged as the whole is.
fn aligned(
    t: &mut Translator,
    node: &NodeReader<'_>,
    view: &View,
    shape: Shape,
    part: &Computed,
    other: &View,
) -> Result<NodeId> {
    let unlike =
        || format!("its inputs, of dimensions {:?} and {:?}, lie in memory in different orders", view.sizes(), other.sizes());
    let mut groups = [Vec::new(), Vec::new(), Vec::new()];
    for axis in MapAxis::ALL {
        let dims: Vec<usize> = (0..view.rank()).filter(|&dim| view.touches(dim, axis)).collect();
        if !view.are_axis(&dims, axis, shape) {
            return Err(unlike());
        }
        let longer = dims.iter().filter(|&&dim| !other.dim(dim).is_empty()).count();
        // Some of the dimensions that are one axis have length one in the part: it is repeated along them.
        if longer > 0 && longer < dims.len() {
            let whole = |dim: usize| if dims.contains(&dim) { view.sizes()[dim] } else { other.sizes()[dim] };
            let sizes: Vec<usize> = (0..view.rank()).map(whole).collect();
            let part = t.repeated(&format!("{}.repeated", node.output(0)), part, &sizes)?;
            return aligned(t, node, view, shape, &part, &part.view);
        }
        groups[axis as usize] = other.joined(&dims);
    }
    if (0..view.rank()).any(|dim| view.dim(dim).is_empty() && !other.dim(dim).is_empty()) {
        return Err(unlike());
    }
    t.arranged(node.output(0), part, &groups)
}
