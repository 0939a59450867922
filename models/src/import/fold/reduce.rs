//! Operators that reduce dimensions of constants.

use super::super::constant::{Constant, Data};
use super::super::dims::{count, strides, walk};
use super::super::node::{NodeReader, Result};

/// The value of a node; `None` if its operator does not reduce.
pub fn fold(node: &NodeReader<'_>, operator: &str) -> Option<Result<Constant>> {
    let reduce: fn(&mut dyn Iterator<Item = f64>, usize) -> f64 = match operator {
        "ReduceSum" => |values, _| values.sum(),
        "ReduceMean" => |values, count| values.sum::<f64>() / count as f64,
        "ReduceL1" => |values, _| values.map(f64::abs).sum(),
        "ReduceL2" => |values, _| values.map(|x| x * x).sum::<f64>().sqrt(),
        "ReduceSumSquare" => |values, _| values.map(|x| x * x).sum(),
        "ReduceLogSum" => |values, _| values.sum::<f64>().ln(),
        "ReduceLogSumExp" => |values, _| values.map(f64::exp).sum::<f64>().ln(),
        "ReduceProd" => |values, _| values.product(),
        "ReduceMax" => |values, _| values.fold(f64::NEG_INFINITY, f64::max),
        "ReduceMin" => |values, _| values.fold(f64::INFINITY, f64::min),
        _ => return None,
    };
    Some(reduced(node, reduce))
}

/// The axes that a `Reduce` operator removes, and whether they stay as dimensions of length one.
pub fn axes(node: &NodeReader<'_>, rank: usize) -> Result<(Vec<usize>, bool)> {
    let keep = node.int("keepdims")?.unwrap_or(1) == 1;
    let nothing = node.int("noop_with_empty_axes")? == Some(1);
    let axes = node.integers_or_attribute(1, "axes")?.unwrap_or_default();
    if axes.is_empty() {
        return Ok((if nothing { Vec::new() } else { (0..rank).collect() }, keep));
    }
    let axes = axes.iter().map(|&axis| node.axis(axis, rank)).collect::<Result<Vec<usize>>>()?;
    Ok((axes, keep))
}

fn reduced(node: &NodeReader<'_>, reduce: fn(&mut dyn Iterator<Item = f64>, usize) -> f64) -> Result<Constant> {
    let x = node.needed(0)?;
    let (axes, keep) = axes(node, x.dims.len())?;
    let own = strides(&x.dims);
    let of = |inside: bool| (0..x.dims.len()).filter(move |i| axes.contains(i) == inside).collect::<Vec<usize>>();
    let (inner, outer) = (of.clone()(true), of(false));
    let part = |axes: &[usize]| -> (Vec<usize>, Vec<usize>) { axes.iter().map(|&i| (x.dims[i], own[i])).unzip() };
    let ((inner_dims, inner_steps), (outer_dims, outer_steps)) = (part(&inner), part(&outer));
    let terms = count(&inner_dims)?;
    let value = |i: usize| match &x.data {
        Data::Floats(values) => values[i].into(),
        Data::Integers(values) => values[i] as f64,
        Data::Booleans(values) => f64::from(u8::from(values[i])),
    };
    let results = walk(outer_dims.clone(), outer_steps, 0)
        .map(|start| reduce(&mut walk(inner_dims.clone(), inner_steps.clone(), start).map(value), terms));
    let data = match x.data {
        Data::Floats(_) => Data::Floats(results.map(|x| x as f32).collect()),
        _ => Data::Integers(results.map(|x| x as i64).collect()),
    };
    let dims = match keep {
        true => (0..x.dims.len()).map(|i| if inner.contains(&i) { 1 } else { x.dims[i] }).collect(),
        false => outer_dims,
    };
    Ok(Constant { dims, data })
}
