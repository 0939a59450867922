//! Normalisations.

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::MapAxis;
use super::{Translator, computed};
use crate::graph::Op;

/// What is translated here.
pub const OPERATORS: &[&str] = &["BatchNormalization"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Option<Result<Vec<Value>>> {
    match node.operator() {
        "BatchNormalization" => Some(batch_norm(t, node)),
        _ => None,
    }
}

fn batch_norm(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    node.skip(&["momentum", "is_test", "consumed_inputs"]);
    if node.int("training_mode")?.unwrap_or(0) != 0 {
        return Err("training_mode is 1; export the network in evaluation mode".into());
    }
    if node.int("spatial")?.unwrap_or(1) != 1 {
        return Err("spatial is 0, and must be 1".into());
    }
    let eps = node.float("epsilon")?.unwrap_or(1e-5);
    let shape = t.shape(input.node);
    let is_channels = input.view.rank() > 1 && (shape.c == 1 || input.view.axis(1, shape) == Some(MapAxis::C));
    let (src, view) = if is_channels {
        (input.node, input.view.clone())
    } else {
        let src = t.image(node.output(0), input)?;
        (src, super::View::usual(t.shape(src), input.view.rank()))
    };
    let c = t.shape(src).c;
    let params = ["weight", "bias", "running_mean", "running_var"].into_iter().enumerate();
    let params = params.map(|(i, name)| Ok((name, vec![c], node.floats(i + 1)?.to_vec()))).collect::<Result<Vec<_>>>()?;
    // The graph wants a positive number.
    let eps = f64::from(eps).max(f64::MIN_POSITIVE);
    let id = t.add_with(node.output(0), Op::BatchNorm { eps }, &[src], params)?;
    Ok(vec![Value::Computed(Computed { node: id, view })])
}
