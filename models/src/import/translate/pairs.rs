//! Sums, products and the like of two tensors.

use sartor_ops::Parameter;

use super::super::broadcast::{is_by_pixel, steps};
use super::super::constant::Constant;
use super::super::dims::broadcast;
use super::super::function::clip;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::View;
use super::pad::with_rank;
use super::translator::{Shared, Translator, by_channel, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Op};

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
        (Value::Computed(a), Value::Computed(b)) => t.meeting(node.output(0), arithmetic(node), a, b).map(Value::Computed),
        (Value::Computed(x), Value::Constant(constant)) => with_constant(t, node, x, constant, false),
        (Value::Constant(constant), Value::Computed(x)) => with_constant(t, node, x, constant, true),
        _ => Err("its inputs are missing".into()),
    }
}

/// An operator of a map and a constant; `swapped` if the constant comes first.
fn with_constant(t: &mut Translator, node: &NodeReader<'_>, x: &Computed, constant: &Shared, swapped: bool) -> Result<Value> {
    let constant = &aligned_at_axis(node, x, constant)?;
    // A constant may add dimensions in front, and be longer where the tensor has length one.
    let sizes = broadcast(&x.view.sizes(), &constant.dims)?;
    let mut x = Computed { node: x.node, view: with_rank(&x.view, sizes.len()) };
    if x.view.sizes() != sizes {
        x = t.repeated(&format!("{}.repeated", node.output(0)), &x, &sizes)?;
    }
    let (x, view) = (&x, x.view.clone());
    if is_by_pixel(&view, &steps(&view, constant)?) {
        let op = arithmetic(node);
        let op = if swapped { op.mirrored().unwrap_or(op) } else { op };
        return t.against(node.output(0), op, x, constant).map(Value::Computed);
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

/// The larger or smaller of a map and a constant.
fn clamped(t: &mut Translator, node: &NodeReader<'_>, x: &Computed, view: View, constant: &Shared) -> Result<Value> {
    let Some(bound) = constant.as_number() else {
        return t.against(node.output(0), arithmetic(node), x, constant).map(Value::Computed);
    };
    let function = if node.operator() == "Max" { clip(bound, f32::INFINITY) } else { clip(f32::NEG_INFINITY, bound) };
    let id = match function {
        Some(function) => t.activation(node.output(0), function, x.node)?,
        None => x.node,
    };
    Ok(Value::Computed(Computed { node: id, view }))
}

/// What a node does with two maps.
fn arithmetic(node: &NodeReader<'_>) -> Arithmetic {
    match node.operator() {
        "Add" | "Sum" | "Mean" => Arithmetic::Add,
        "Mul" => Arithmetic::Mul,
        "Sub" => Arithmetic::Sub,
        "Div" => Arithmetic::Div,
        "Max" => Arithmetic::Max,
        _ => Arithmetic::Min,
    }
}

/// `max(0, x) + slope * min(0, x)`. With more than one slope, it is the sum of both terms.
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
    let name = node.output(0);
    let by_pixel = is_by_pixel(&x.view, &steps(&x.view, &slope)?);
    if let Some(slope) = slope.as_number() {
        let id = t.activation(name, Activation::LeakyRelu(Parameter::new(slope)), x.node)?;
        return Ok(vec![Value::Computed(Computed { node: id, view: x.view.clone() })]);
    }
    let above = t.activation(&format!("{name}.above"), Activation::Relu, x.node)?;
    let below = Activation::Clip(Parameter::new(f32::NEG_INFINITY), Parameter::new(0.0));
    let below = t.activation(&format!("{name}.below"), below, x.node)?;
    let scaled = format!("{name}.scaled");
    let below = if by_pixel {
        t.against(&scaled, Arithmetic::Mul, &Computed { node: below, view: x.view.clone() }, &slope)?.node
    } else {
        let values = by_channel(&x.view, t.shape(x.node), &slope)?;
        let zeros = vec![0.0; values.len()];
        t.affine(&scaled, below, values, zeros)?
    };
    let id = t.add(name, Op::Add, &[above, below])?;
    Ok(vec![Value::Computed(Computed { node: id, view: x.view.clone() })])
}
