//! Operators that only change how a tensor is seen: they cost nothing.

use super::super::constant::{Constant, Data};
use super::super::dims::reshaped;
use super::super::fold::{permutation, shape_of, squeezed};
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::translator::{Translator, computed};
use crate::proto;

/// What is translated here.
pub const OPERATORS: &[&str] =
    &["Identity", "Dropout", "Cast", "CastLike", "Shape", "Size", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match (node.operator(), node.input(0)) {
        ("Cast", Value::Condition(condition)) if node.int("to")? == Some(proto::BOOL.into()) => {
            Ok(Value::Condition(condition.clone()))
        }
        ("Cast", Value::Condition(condition)) if proto::is_float(node.int("to")?.unwrap_or(0) as i32) => {
            node.skip(&["saturate"]);
            t.mask(node.output(0), condition).map(Value::Computed)
        }
        ("CastLike", _) => cast_like(node),
        (operator, _) => view(t, node, operator),
    }
    .map(|value| vec![value])
}

/// What the network computes is floats, and stays so. A constant becomes floats beside it.
fn cast_like(node: &NodeReader<'_>) -> Result<Value> {
    node.skip(&["saturate", "round_mode"]);
    match (node.input(0), node.input(1)) {
        (Value::Constant(constant), Value::Computed(_)) => Ok(constant.as_kind_of(&Data::Floats(Vec::new())).into()),
        (Value::Computed(x), Value::Computed(_)) => Ok(Value::Computed(x.clone())),
        (Value::Computed(x), Value::Constant(like)) if like.as_floats().is_some() => Ok(Value::Computed(x.clone())),
        (_, Value::Constant(like)) => {
            Err(format!("it casts to {}: values that the network computes are f32 and stay so", like.data.kind()))
        }
        _ => Err("its inputs are missing".into()),
    }
}

fn view(t: &mut Translator, node: &NodeReader<'_>, operator: &str) -> Result<Value> {
    let input = computed(node)?;
    let view = &input.view;
    let sizes = view.sizes();
    // The dimensions, if they may cut through those of the view.
    let mut dims = None;
    let view = match operator {
        "Identity" => Some(view.clone()),
        "Dropout" => {
            node.skip(&["ratio", "seed", "is_test"]);
            Some(view.clone())
        }
        "Cast" => {
            node.skip(&["saturate"]);
            // Half precision saves memory where it is computed with; the network's values keep the digits that f32 has.
            match node.int("to")?.unwrap_or(0) as i32 {
                float if proto::is_float(float) => Some(view.clone()),
                other => return Err(format!("to is {other}: values that the network computes are f32 and stay so")),
            }
        }
        "Shape" => return shape_of(node, &sizes).map(Value::from),
        "Size" => {
            let len = sizes.iter().product::<usize>() as i64;
            return Ok(Constant { dims: Vec::new(), ..Constant::integers(vec![len]) }.into());
        }
        "Reshape" => {
            let mut asked = node.integers_or_attribute(1, "shape")?.ok_or("shape is missing")?;
            // The batch that the file declares is one image here.
            if let Some(first) = asked.first_mut().filter(|first| t.batch > 1 && **first == t.batch as i64) {
                *first = 1;
            }
            view.reshaped(dims.insert(reshaped(&sizes, &asked, node.int("allowzero")? == Some(1))?))
        }
        "Flatten" => {
            let axis = node.int("axis")?.unwrap_or(1);
            let axis = if axis == sizes.len() as i64 { sizes.len() } else { node.axis(axis, sizes.len())? };
            view.reshaped(dims.insert(vec![sizes[..axis].iter().product(), sizes[axis..].iter().product()]))
        }
        "Squeeze" | "Unsqueeze" => view.reshaped(dims.insert(squeezed(node, &sizes, operator == "Squeeze")?)),
        _ => Some(view.transposed(&permutation(node, sizes.len())?)),
    };
    match (view, dims) {
        (Some(view), _) => Ok(Value::Computed(Computed { node: input.node, view })),
        (None, dims) => t.in_rows(node.output(0), input, &dims.unwrap_or(sizes)).map(Value::Computed),
    }
}
