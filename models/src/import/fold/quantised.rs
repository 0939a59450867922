//! Weights that a file holds as small integers, or makes of floats.

use super::super::constant::{Constant, Data};
use super::super::dims::strides;
use super::super::node::{NodeReader, Result};
use crate::proto;

/// The scale and the zero point of each element: one for all, or one for each position of an axis.
struct Grid<'a> {
    scales: &'a [f32],
    zeros: Vec<i64>,
    /// Elements from one position of the axis to the next.
    step: usize,
}

impl<'a> Grid<'a> {
    /// The grid that a node's inputs and attributes say for a tensor of these dimensions.
    fn of(node: &'a NodeReader<'_>, dims: &[usize]) -> Result<Self> {
        let (scales, zeros) = (node.floats(1)?, node.integers(2)?);
        let zeros = zeros.unwrap_or_else(|| vec![0; scales.len()]);
        let scale_dims = &node.needed(1)?.dims;
        if let Some(size @ 1..) = node.int("block_size")? {
            return Err(format!(
                "block_size is {size}, and must be 0: one scale for the tensor, or one for each position of an axis"
            ));
        }
        let axis = node.int("axis")?.unwrap_or(1);
        let (step, count) = match (scales.len(), scale_dims.len()) {
            (1, _) => (1, 1),
            (len, 1) => {
                let axis = node.axis(axis, dims.len())?;
                if dims[axis] != len {
                    return Err(format!("its scale has dimensions {scale_dims:?}, for an axis of length {}", dims[axis]));
                }
                (strides(dims)[axis].max(1), len)
            }
            _ => return Err(format!("its scale has dimensions {scale_dims:?}, and must have at most one")),
        };
        if zeros.len() != count {
            return Err(format!("its zero point has {} elements, and its scale {count}", zeros.len()));
        }
        Ok(Self { scales, zeros, step })
    }

    /// The scale and the zero point of an element.
    fn at(&self, element: usize) -> (f64, i64) {
        let place = element / self.step % self.scales.len();
        (self.scales[place].into(), self.zeros[place])
    }
}

/// `(x - zero point) * scale`
pub fn dequantised(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let values = node.integers(0)?.unwrap_or_default();
    let grid = Grid::of(node, &x.dims)?;
    node.skip(&["output_dtype"]);
    let value = |(i, value): (usize, &i64)| {
        let (scale, zero) = grid.at(i);
        (value.saturating_sub(zero) as f64 * scale) as f32
    };
    Ok(Constant::floats(x.dims.clone(), values.iter().enumerate().map(value).collect()))
}

/// `x / scale`, rounded to the nearest, halves to the even one, `+ zero point`, at most and at least what the type can be.
pub fn quantised(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let values = node.floats(0)?;
    let grid = Grid::of(node, &x.dims)?;
    let asked = node.int("output_dtype")?.filter(|asked| *asked != 0).map(|asked| asked as i32);
    let (low, high) = match (node.constant(2)?.is_some(), node.element_type(2), asked) {
        (true, None, _) => return Err("the type of its zero point is not known; make the zero point an initializer".into()),
        (_, Some(proto::INT8), None | Some(proto::INT8)) | (false, _, Some(proto::INT8)) => (-128, 127),
        (_, Some(proto::UINT8), None | Some(proto::UINT8)) | (false, _, None | Some(proto::UINT8)) => (0, 255),
        (_, found, asked) => {
            let found = asked.or(found).unwrap_or_default();
            return Err(format!("it quantises to elements of type {found}, and only uint8 (2) and int8 (3) are supported"));
        }
    };
    if let Some(i) = values.iter().position(|x| x.is_nan()) {
        return Err(format!("element {i} of its input is NaN, which no integer is"));
    }
    if let Some(scale) = grid.scales.iter().find(|scale| !scale.is_finite() || **scale == 0.0) {
        return Err(format!("its scale is {scale}, and must be finite and not zero"));
    }
    let value = |(i, &value): (usize, &f32)| {
        let (scale, zero) = grid.at(i);
        let rounded = (f64::from(value) / scale).round_ties_even();
        // A cast from f64 saturates.
        (rounded as i64).saturating_add(zero).clamp(low, high)
    };
    Ok(Constant { dims: x.dims.clone(), data: Data::Integers(values.iter().enumerate().map(value).collect()) })
}
