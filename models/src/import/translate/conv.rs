//! Convolutions.

use super::super::node::{NodeReader, Result};
use super::super::value::Value;
use super::window::window;
use super::{Translator, computed};
use crate::graph::{Conv2d, Op};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Conv"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Option<Result<Vec<Value>>> {
    match node.operator() {
        "Conv" => Some(conv(t, node)),
        _ => None,
    }
}

fn conv(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (weight, dims) = (node.floats(1)?.to_vec(), node.needed(1)?.dims.clone());
    let [oc, _, kernel @ ..] = &dims[..] else { return Err(format!("its weights have dimensions {dims:?}")) };
    if input.view.rank() != dims.len() {
        return Err(format!("its input has dimensions {:?}, and its weights {dims:?}", input.view.sizes()));
    }
    let src = t.image(node.output(0), input)?;
    let shape = t.shape(src);
    let window = window(node, Some(kernel), kernel.len(), (shape.h, shape.w))?.window;
    let groups = node.int("group")?.map_or(Ok(1), usize::try_from).map_err(|_| "group is negative")?;
    let bias = match node.input(2) {
        Value::Absent => None,
        _ => Some(node.floats(2)?.to_vec()),
    };
    let op = Op::Conv2d(Conv2d { oc: *oc, groups, bias: bias.is_some(), window });
    let ic = shape.c.checked_div(groups).unwrap_or(0);
    let mut params = vec![("weight", vec![*oc, ic, window.kernel.0, window.kernel.1], weight)];
    params.extend(bias.map(|bias| ("bias", vec![*oc], bias)));
    let id = t.add_with(node.output(0), op, &[src], params)?;
    Ok(t.usual(id, dims.len()))
}
