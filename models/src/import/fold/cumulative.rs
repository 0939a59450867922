//! Sums of all elements up to each.

use super::super::constant::{Constant, Data};
use super::super::dims::strides;
use super::super::node::{NodeReader, Result};

/// The sums along an axis, from its first position on or, with `reverse`, from its last; with `exclusive`, without the element itself.
pub fn cum_sum(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let axis = node.integers(1)?.and_then(|values| values.first().copied()).ok_or("axis is missing")?;
    let axis = node.axis(axis, x.dims.len())?;
    let flag = |name| Ok::<bool, String>(node.int(name)?.unwrap_or(0) != 0);
    let (exclusive, reverse) = (flag("exclusive")?, flag("reverse")?);
    let (size, step) = (x.dims[axis], strides(&x.dims)[axis]);
    let place = |line: usize, i: usize| line / step * step * size + line % step + if reverse { size - 1 - i } else { i } * step;
    let lines = x.data.len().checked_div(size).unwrap_or(0);
    let places = (0..lines).map(|line| (0..size).map(move |i| place(line, i)));
    let data = match &x.data {
        Data::Floats(values) => {
            let mut sums = vec![0.0; values.len()];
            for line in places {
                let mut sum = 0.0_f64;
                for at in line {
                    let with = sum + f64::from(values[at]);
                    sums[at] = if exclusive { sum } else { with } as f32;
                    sum = with;
                }
            }
            Data::Floats(sums)
        }
        Data::Integers(values) => {
            let mut sums = vec![0; values.len()];
            for line in places {
                let mut sum = 0_i64;
                for at in line {
                    let with = sum.checked_add(values[at]).ok_or("its sums overflow")?;
                    sums[at] = if exclusive { sum } else { with };
                    sum = with;
                }
            }
            Data::Integers(sums)
        }
        Data::Booleans(_) => return Err("its input is booleans, and must be numbers".into()),
    };
    Ok(Constant { dims: x.dims.clone(), data })
}
