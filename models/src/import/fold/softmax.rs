//! Softmax of constants: weights of branches that are added are learned so.

use super::super::constant::Constant;
use super::super::dims::{strides, walk};
use super::super::node::{NodeReader, Result};

/// The dimensions that a softmax of this rank is over. Before version 13, all dimensions from the axis on are one.
pub fn softmax_dims(node: &NodeReader<'_>, rank: usize) -> Result<std::ops::Range<usize>> {
    let flattens = node.opset < 13;
    let axis = node.axis(node.int("axis")?.unwrap_or(if flattens { 1 } else { -1 }), rank)?;
    Ok(axis..if flattens { rank } else { axis + 1 })
}

/// Softmax of a constant, or its logarithm, in f64.
pub fn softmax(node: &NodeReader<'_>) -> Result<Constant> {
    let (x, dims) = (node.floats(0)?, node.needed(0)?.dims.clone());
    let (over, own) = (softmax_dims(node, dims.len())?, strides(&dims));
    let (outer, inner) = (dims[..over.start].iter().product::<usize>(), dims[over.end..].iter().product::<usize>());
    let terms: usize = dims[over.clone()].iter().product();
    let step = own[over.end - 1];
    let mut values = x.to_vec();
    for start in walk(vec![outer, inner], vec![terms * inner, 1], 0) {
        let places = || (0..terms).map(|term| start + term * step);
        let largest = places().map(|at| f64::from(x[at])).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = places().map(|at| (f64::from(x[at]) - largest).exp()).sum();
        for at in places() {
            let above = f64::from(x[at]) - largest;
            values[at] = if node.operator() == "LogSoftmax" { above - sum.ln() } else { above.exp() / sum } as f32;
        }
    }
    Ok(Constant::floats(dims, values))
}
