//! Weights that a file holds as small integers.

use super::super::constant::Constant;
use super::super::dims::strides;
use super::super::node::{NodeReader, Result};

/// `(x - zero point) * scale`, with one scale or one for each position of an axis.
pub fn dequantised(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let values = node.integers(0)?.unwrap_or_default();
    let (scales, zeros) = (node.floats(1)?, node.integers(2)?);
    let zeros = zeros.unwrap_or_else(|| vec![0; scales.len()]);
    let scale_dims = &node.needed(1)?.dims;
    node.skip(&["output_dtype"]);
    if let Some(size @ 1..) = node.int("block_size")? {
        return Err(format!(
            "block_size is {size}, and must be 0: one scale for the tensor, or one for each position of an axis"
        ));
    }
    let axis = node.int("axis")?.unwrap_or(1);
    let (step, count) = match (scales.len(), scale_dims.len()) {
        (1, _) => (1, 1),
        (len, 1) => {
            let axis = node.axis(axis, x.dims.len())?;
            if x.dims[axis] != len {
                return Err(format!("its scale has dimensions {scale_dims:?}, for an axis of length {}", x.dims[axis]));
            }
            (strides(&x.dims)[axis].max(1), len)
        }
        _ => return Err(format!("its scale has dimensions {scale_dims:?}, and must have at most one")),
    };
    if zeros.len() != count {
        return Err(format!("its zero point has {} elements, and its scale {count}", zeros.len()));
    }
    let value = |(i, &value): (usize, &i64)| {
        let place = i / step % count;
        value.saturating_sub(zeros[place]) as f32 * scales[place]
    };
    Ok(Constant::floats(x.dims.clone(), values.iter().enumerate().map(value).collect()))
}
