//! Elementwise functions.

use sartor_ops::Parameter;

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::{Translator, computed};
use crate::graph::{Activation, Op};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSwish", "Gelu"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Option<Result<Vec<Value>>> {
    OPERATORS.contains(&node.operator()).then(|| {
        let input = computed(node)?;
        let id = match function(node)? {
            Some(function) => t.add(node.output(0), Op::Activation(function), &[input.node])?,
            None => input.node,
        };
        Ok(vec![Value::Computed(Computed { node: id, view: input.view.clone() })])
    })
}

/// The function of a node; `None` if it changes nothing.
fn function(node: &NodeReader<'_>) -> Result<Option<Activation>> {
    Ok(Some(match node.operator() {
        "Relu" => Activation::Relu,
        "Sigmoid" => Activation::Sigmoid,
        "HardSwish" => Activation::HardSwish,
        "LeakyRelu" => Activation::LeakyRelu(Parameter::new(node.float("alpha")?.unwrap_or(0.01))),
        "Clip" => {
            let (low, high) = bounds(node)?;
            return clip(low, high);
        }
        _ => match node.text("approximate")?.as_deref() {
            None | Some("none") => Activation::Gelu,
            Some(other) => return Err(format!("approximate is {other}, and must be none")),
        },
    }))
}

/// The bounds of `Clip`: attributes before version 11, inputs since.
fn bounds(node: &NodeReader<'_>) -> Result<(f32, f32)> {
    let bound = |name: &'static str, index: usize, none: f32| -> Result<f32> {
        if let Some(value) = node.float(name)? {
            return Ok(value);
        }
        match node.constant(index)? {
            None => Ok(none),
            Some(constant) => constant.as_scalar().ok_or_else(|| format!("{name} has dimensions {:?}, and must be one number", constant.dims)),
        }
    };
    // Version 6 writes the largest numbers for bounds that are left out.
    let open = |bound: f32| if bound.abs() == f32::MAX { bound.signum() * f32::INFINITY } else { bound };
    Ok((open(bound("min", 1, f32::NEG_INFINITY)?), open(bound("max", 2, f32::INFINITY)?)))
}

/// The function that clamps to two bounds; `None` if both are infinite.
pub fn clip(low: f32, high: f32) -> Result<Option<Activation>> {
    match (low, high) {
        (0.0, f32::INFINITY) => Ok(Some(Activation::Relu)),
        (0.0, 6.0) => Ok(Some(Activation::Relu6)),
        (f32::NEG_INFINITY, f32::INFINITY) => Ok(None),
        _ => Err(format!("min and max are {low} and {high}")),
    }
}
