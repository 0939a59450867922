//! Operators that only change how a tensor is seen: they cost nothing.

use super::super::constant::Constant;
use super::super::dims::reshaped;
use super::super::fold::{permutation, shape_of, squeezed};
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::translator::{Translator, computed};
use crate::proto;

/// What is translated here.
pub const OPERATORS: &[&str] =
    &["Identity", "Dropout", "Cast", "Shape", "Size", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    view(t, node, node.operator()).map(|value| vec![value])
}

fn view(t: &mut Translator, node: &NodeReader<'_>, operator: &str) -> Result<Value> {
    let input = computed(node)?;
    let view = &input.view;
    let sizes = view.sizes();
    let reshaped_to = |dims: &[usize]| {
        let view = view.reshaped(dims);
        view.ok_or_else(|| {
            format!("shape is {dims:?}, which cuts through the dimensions {sizes:?}; such a move is not supported")
        })
    };
    let view = match operator {
        "Identity" => view.clone(),
        "Dropout" => {
            node.skip(&["ratio", "seed", "is_test"]);
            view.clone()
        }
        "Cast" => {
            node.skip(&["saturate"]);
            match node.int("to")?.unwrap_or(0) as i32 {
                proto::FLOAT | proto::DOUBLE => view.clone(),
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
            reshaped_to(&reshaped(&sizes, &asked, node.int("allowzero")? == Some(1))?)?
        }
        "Flatten" => {
            let axis = node.int("axis")?.unwrap_or(1);
            let axis = if axis == sizes.len() as i64 { sizes.len() } else { node.axis(axis, sizes.len())? };
            reshaped_to(&[sizes[..axis].iter().product(), sizes[axis..].iter().product()])?
        }
        "Squeeze" | "Unsqueeze" => reshaped_to(&squeezed(node, &sizes, operator == "Squeeze")?)?,
        _ => view.transposed(&permutation(node, sizes.len())?),
    };
    Ok(Value::Computed(Computed { node: input.node, view }))
}
