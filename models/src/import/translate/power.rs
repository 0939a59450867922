//! Powers by constants.

use sartor_ops::Parameter;

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::translator::{Translator, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, NodeId, Op};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Pow"];

/// The largest whole exponent. Larger ones are no functions that a network has.
const MOST: f32 = 16.0;

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let exponent = exponent(node)?;
    let id = power(t, node.output(0), input.node, exponent)?;
    Ok(vec![Value::Computed(Computed { node: id, view: input.view.clone() })])
}

/// The exponent: one number.
fn exponent(node: &NodeReader<'_>) -> Result<f32> {
    let exponent = node.needed(1)?;
    if exponent.data.len() != 1 {
        return Err(format!("its exponent has dimensions {:?}, and must be one number", exponent.dims));
    }
    let whole = || exponent.as_integers().map(|values| values[0] as f32);
    exponent.as_scalar().or_else(whole).ok_or_else(|| "its exponent is a boolean, and must be a number".into())
}

/// A map to a power.
pub fn power(t: &mut Translator, name: &str, x: NodeId, exponent: f32) -> Result<NodeId> {
    let general = Activation::Power(Parameter::new(exponent));
    match exponent {
        0.0 => {
            let shape = t.shape(x);
            t.make(shape.len())?;
            t.constant(name, shape, vec![1.0; shape.len()])
        }
        1.0 => Ok(x),
        0.5 => t.activation(name, Activation::Sqrt, x),
        -0.5 => t.activation(name, Activation::InverseSqrt, x),
        -1.0 => t.activation(name, Activation::Reciprocal, x),
        p if p.fract() == 0.0 && (0.0..=MOST).contains(&p) => product(t, name, x, p as usize),
        p if p.fract() == 0.0 && (-MOST..0.0).contains(&p) => {
            let positive = product(t, &format!("{name}.positive"), x, -p as usize)?;
            t.activation(name, Activation::Reciprocal, positive)
        }
        _ if general.is_valid() => t.activation(name, general, x),
        other => Err(format!(
            "its exponent is {other}, and must be a whole number from -{MOST} to {MOST}, or another of a magnitude from 0.002 to 64"
        )),
    }
}

/// A whole power as a product: squares and cubes, and `x` once more where neither divides the exponent.
fn product(t: &mut Translator, name: &str, x: NodeId, exponent: usize) -> Result<NodeId> {
    let mut part = |exponent: usize| product(t, &format!("{name}.to{exponent}"), x, exponent);
    match exponent {
        ..=1 => Ok(x),
        _ if exponent.is_multiple_of(3) => {
            let root = part(exponent / 3)?;
            t.activation(name, Activation::Cube, root)
        }
        _ if exponent.is_multiple_of(2) => {
            let root = part(exponent / 2)?;
            t.activation(name, Activation::Square, root)
        }
        _ => {
            let rest = part(exponent - 1)?;
            t.add(name, Op::Binary(Arithmetic::Mul), &[rest, x])
        }
    }
}
