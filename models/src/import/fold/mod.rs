//! Computes what is constant once shapes are known: the arithmetic that exporters write about shapes, and on weights.

mod conv;
mod cumulative;
mod elementwise;
mod linear;
mod norm;
mod pad;
mod places;
mod quantised;
mod reduce;
mod softmax;
mod work;

use super::constant::Constant;
use super::node::{NodeReader, Result};

pub use norm::BatchNorm;
pub use pad::{Pads, pads};
pub use places::{parts, permutation, shape_of, slices, squeezed};
pub use reduce::axes;
pub use softmax::softmax_dims;
use work::Work;

/// The values of a node whose inputs are all constant; `None` if its operator is not computed here.
///
/// # Errors
/// If an attribute or an input does not fit the operator, or if `work` refuses.
pub fn fold(node: &NodeReader<'_>, work: Work<'_>) -> Result<Option<Vec<Constant>>> {
    let one = |constant: Result<Constant>| constant.map(|constant| Some(vec![constant]));
    match node.operator() {
        "Constant" => one(constant(node)),
        "Split" => places::split(node).map(Some),
        "CumSum" => one(cumulative::cum_sum(node)),
        "Conv" => one(conv::conv(node, work)),
        "Gemm" => one(linear::gemm(node, work)),
        "MatMul" => one(linear::matmul(node, work)),
        "Pad" => Ok(pad::pad(node)?.map(|constant| vec![constant])),
        "Softmax" | "LogSoftmax" => one(softmax::softmax(node)),
        "BatchNormalization" => one(norm::batch_norm(node)),
        "QuantizeLinear" => one(quantised::quantised(node)),
        "DequantizeLinear" => one(quantised::dequantised(node)),
        operator => {
            if let Some(result) = places::fold(node, operator) {
                return one(result);
            }
            if let Some(result) = elementwise::fold(node, operator) {
                return one(result);
            }
            reduce::fold(node, operator).map_or(Ok(None), one)
        }
    }
}

/// The value of a `Constant` node.
fn constant(node: &NodeReader<'_>) -> Result<Constant> {
    if let Some(tensor) = node.tensor("value")? {
        return Constant::read(tensor, None);
    }
    if let Some(value) = node.float("value_float")? {
        return Ok(Constant::floats(Vec::new(), vec![value]));
    }
    if let Some(values) = node.float_list("value_floats")? {
        return Ok(Constant::floats(vec![values.len()], values));
    }
    if let Some(value) = node.int("value_int")? {
        return Ok(Constant { dims: Vec::new(), ..Constant::integers(vec![value]) });
    }
    match node.ints("value_ints")? {
        Some(values) => Ok(Constant::integers(values)),
        None => Err("it has no value of numbers".into()),
    }
}
