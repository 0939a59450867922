//! Padding of constants.

use super::super::constant::Constant;
use super::super::dims::{count, strides, walk};
use super::super::node::{NodeReader, Result};

/// What a `Pad` node says.
pub struct Pads {
    /// The dimensions that are padded.
    pub axes: Vec<i64>,
    /// How much before each of them, then how much behind each. Negative numbers take away.
    pub pads: Vec<i64>,
    /// What is put there.
    pub value: f32,
}

/// Reads a `Pad` node over a tensor of `rank` dimensions.
pub fn pads(node: &NodeReader<'_>, rank: usize) -> Result<Pads> {
    let value = match node.float("value")? {
        Some(value) => value,
        None => node.constant(2)?.and_then(|constant| constant.as_scalar()).unwrap_or(0.0),
    };
    let pads = node.integers_or_attribute(1, "pads")?.or(node.ints("paddings")?).ok_or("pads are missing")?;
    let axes = node.integers(3)?.unwrap_or_else(|| (0..rank as i64).collect());
    if axes.len().checked_mul(2) != Some(pads.len()) {
        return Err(format!("pads are {pads:?}, for {} axes", axes.len()));
    }
    Ok(Pads { axes, pads, value })
}

/// A constant with a number around it; `None` if it is another border, or something is taken away.
pub fn pad(node: &NodeReader<'_>) -> Result<Option<Constant>> {
    let (x, dims) = (node.floats(0)?, node.needed(0)?.dims.clone());
    let Pads { axes, pads, value } = pads(node, dims.len())?;
    if node.text("mode")?.is_some_and(|mode| mode != "constant") || pads.iter().any(|&pad| pad < 0) {
        return Ok(None);
    }
    let mut before = vec![0; dims.len()];
    let mut sizes = dims.clone();
    for (i, &axis) in axes.iter().enumerate() {
        let dim = node.axis(axis, dims.len())?;
        let [first, last] = [pads[i], pads[axes.len() + i]].map(|pad| usize::try_from(pad).unwrap_or(0));
        before[dim] = first;
        let size = first.checked_add(last).and_then(|n| n.checked_add(dims[dim]));
        sizes[dim] = size.ok_or_else(|| format!("pads are {pads:?}, which is too much"))?;
    }
    let mut values = vec![value; count(&sizes)?];
    let steps = strides(&sizes);
    let first = before.iter().zip(&steps).map(|(before, step)| before * step).sum();
    for (at, &x) in walk(dims, steps, first).zip(x) {
        values[at] = x;
    }
    Ok(Some(Constant::floats(sizes, values)))
}
