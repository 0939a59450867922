//! Pools.

use super::super::node::{NodeReader, Result};
use super::super::value::Value;
use super::window::window;
use super::{Translator, computed};
use crate::graph::{Op, Padding, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Option<Result<Vec<Value>>> {
    match node.operator() {
        "MaxPool" | "AveragePool" => Some(pool(t, node)),
        "GlobalAveragePool" => Some(global(t, node, true)),
        "GlobalMaxPool" => Some(global(t, node, false)),
        _ => None,
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
        let none = Padding::around(0);
        if declared.window.padding != none && (!counts || declared.window.padding != declared.padding) {
            return Err("its padding does not count in the mean; export it with count_include_pad=1".into());
        }
        Op::AvgPool(declared.window)
    };
    let id = t.add(node.output(0), op, &[src])?;
    Ok(t.usual(id, rank))
}

fn global(t: &mut Translator, node: &NodeReader<'_>, mean: bool) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let src = t.image(node.output(0), input)?;
    let shape = t.shape(src);
    let window = Window::new((shape.h, shape.w), (1, 1), Padding::around(0));
    let op = if mean { Op::GlobalAvgPool } else { Op::MaxPool(window) };
    let id = t.add(node.output(0), op, &[src])?;
    Ok(t.usual(id, input.view.rank()))
}
