//! Pools.

use super::super::node::{NodeReader, Result};
use super::super::value::Value;
use super::translator::{Translator, computed};
use super::window::window;
use crate::graph::{Op, Padding, Reduction};

/// What is translated here.
pub const OPERATORS: &[&str] = &["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "MaxPool" | "AveragePool" => pool(t, node),
        "GlobalAveragePool" => global(t, node, Reduction::Mean),
        _ => global(t, node, Reduction::Max),
    }
}

fn pool(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let src = t.image(node.output(0), input)?;
    let shape = t.shape(src);
    let rank = input.view.rank();
    let declared = window(node, None, rank.saturating_sub(2), (shape.h, shape.w))?;
    if node.int("storage_order")?.unwrap_or(0) != 0 {
        return Err("storage_order is 1, and must be 0".into());
    }
    let op = if node.operator() == "MaxPool" {
        Op::MaxPool(declared.window)
    } else {
        let counts = node.int("count_include_pad")?.unwrap_or(0) == 1;
        let counted = if counts { declared.padding } else { Padding::around(0) };
        Op::AvgPool { window: declared.window, counted }
    };
    let id = t.add(node.output(0), op, &[src])?;
    Ok(t.usual(id, rank))
}

/// All dimensions behind the channels are reduced, in whatever order they lie.
fn global(t: &mut Translator, node: &NodeReader<'_>, reduction: Reduction) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let rank = input.view.rank();
    let shape = t.shape(input.node);
    let is_plain = rank > 1 && input.view.is_channels(1, shape) && input.view.dim(0).is_empty();
    let src = if is_plain { input.node } else { t.image(node.output(0), input)? };
    let id = t.add(node.output(0), Op::Reduce(reduction), &[src])?;
    Ok(t.usual(id, rank))
}
