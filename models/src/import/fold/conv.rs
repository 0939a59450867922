//! Convolutions of constants: encodings of positions are written so.

use super::super::constant::Constant;
use super::super::dims::{count, strides};
use super::super::node::{NodeReader, Result};
use super::super::window::window;
use super::work::Work;

/// A convolution of a constant `[n, c, h, w]` or `[n, c, w]`, summed in f64.
pub fn conv(node: &NodeReader<'_>, work: Work<'_>) -> Result<Constant> {
    let (x, dims) = (node.floats(0)?, &node.needed(0)?.dims);
    let (weight, weight_dims) = (node.floats(1)?, &node.needed(1)?.dims);
    let (&[n, c, ref sizes @ ..], &[oc, ic, ref kernel @ ..]) = (&dims[..], &weight_dims[..]) else {
        return Err(format!("its input has dimensions {dims:?}, and its weights {weight_dims:?}"));
    };
    let groups = node.int("group")?.map_or(Ok(1), usize::try_from).map_err(|_| "group is negative")?;
    if sizes.len() != kernel.len() || ic.checked_mul(groups) != Some(c) || groups == 0 || oc % groups != 0 {
        return Err(format!("its input has dimensions {dims:?}, its weights {weight_dims:?}, and group is {groups}"));
    }
    let (h, w) = match *sizes {
        [w] => (1, w),
        [h, w] => (h, w),
        _ => return Err(format!("it has {} spatial dimensions, and one or two are supported", sizes.len())),
    };
    let bias = node.constant(2)?.map(|_| node.floats(2)).transpose()?;
    if bias.is_some_and(|bias| bias.len() != oc) {
        return Err(format!("its bias must have {oc} values, one for each output channel"));
    }
    let window = window(node, Some(kernel), kernel.len(), (h, w))?.window;
    let (rows, columns) = window.axes();
    let outputs = rows.outputs_over(h).zip(columns.outputs_over(w)).ok_or("its window is larger than its input")?;
    work(count(&[n, oc, outputs.0, outputs.1, ic, window.taps()])?)?;
    let (maps, taps) = (strides(&[n, c, h, w]), strides(&[oc, ic, window.kernel.0, window.kernel.1]));
    let sum = |image: usize, o: usize, y: usize, x_out: usize| {
        let first = o / (oc / groups) * ic;
        let mut sum = bias.map_or(0.0, |bias| f64::from(bias[o]));
        for i in 0..ic {
            for ky in rows.taps(y, h) {
                for kx in columns.taps(x_out, w) {
                    let at = image * maps[0] + (first + i) * maps[1] + rows.input(y, ky) * w + columns.input(x_out, kx);
                    sum += f64::from(x[at]) * f64::from(weight[o * taps[0] + i * taps[1] + ky * taps[2] + kx]);
                }
            }
        }
        sum as f32
    };
    let mut values = Vec::with_capacity(n * oc * outputs.0 * outputs.1);
    for image in 0..n {
        for o in 0..oc {
            for y in 0..outputs.0 {
                values.extend((0..outputs.1).map(|x_out| sum(image, o, y, x_out)));
            }
        }
    }
    let size = if sizes.len() == 1 { vec![outputs.1] } else { vec![outputs.0, outputs.1] };
    Ok(Constant::floats([vec![n, oc], size].concat(), values))
}
