//! The windows of convolutions and pools, as ONNX writes them.

use super::dims::MOST;
use super::node::{NodeReader, Result};
use crate::graph::{Padding, Window};

/// A window, and the padding that the node declares for it. The window's own padding is longer behind where `ceil_mode` adds outputs.
pub struct Declared {
    /// The window.
    pub window: Window,
    /// The padding without what `ceil_mode` adds.
    pub padding: (Padding, Padding),
}

/// The window of a node over a map of `size` rows and columns. `kernel` is that of the weights, if there are any. A window of one
/// dimension slides along the columns.
pub fn window(node: &NodeReader<'_>, kernel: Option<&[usize]>, spatial: usize, size: (usize, usize)) -> Result<Declared> {
    let list = |name: &'static str, default: usize, count: usize| -> Result<Vec<usize>> {
        let Some(values) = node.ints(name)? else { return Ok(vec![default; count]) };
        let numbers: Option<Vec<usize>> =
            values.iter().map(|&value| usize::try_from(value).ok().filter(|&value| value <= MOST)).collect();
        numbers
            .filter(|numbers| numbers.len() == count)
            .ok_or_else(|| format!("{name} is {values:?}, and must be {count} numbers of at least 0"))
    };
    if !(1..=2).contains(&spatial) {
        return Err(format!("it has {spatial} spatial dimensions, and one or two are supported"));
    }
    let asked = match node.ints("kernel_shape")? {
        None => None,
        Some(_) => Some(list("kernel_shape", 1, spatial)?),
    };
    let kernel = match (asked, kernel) {
        (Some(asked), Some(kernel)) if asked != kernel => {
            return Err(format!("kernel_shape is {asked:?}, but the weights have {kernel:?}"));
        }
        (_, Some(kernel)) => kernel.to_vec(),
        (Some(asked), None) => asked,
        (None, None) => return Err("kernel_shape is missing".into()),
    };
    let (strides, mut dilations) = (list("strides", 1, spatial)?, list("dilations", 1, spatial)?);
    // A window of one tap has no distance between taps.
    kernel.iter().zip(&mut dilations).filter(|(taps, _)| **taps == 1).for_each(|(_, dilation)| *dilation = 1);
    let pads = list("pads", 0, 2 * spatial)?;
    let auto = node.text("auto_pad")?.unwrap_or_default();
    let ceil = node.int("ceil_mode")? == Some(1);
    let sizes = if spatial == 1 { vec![size.1] } else { vec![size.0, size.1] };
    let (mut declared, mut whole) = (Vec::new(), Vec::new());
    for i in 0..spatial {
        if kernel[i] == 0 || strides[i] == 0 || dilations[i] == 0 {
            return Err(format!(
                "kernel_shape, strides and dilations are {kernel:?}, {strides:?} and {dilations:?}: none may be 0"
            ));
        }
        let reach = (kernel[i] - 1).checked_mul(dilations[i]).and_then(|n| n.checked_add(1)).ok_or("the window is too large")?;
        let padding = match auto.as_str() {
            "" | "NOTSET" => Padding { before: pads[i], after: pads[spatial + i] },
            "VALID" => Padding::both(0),
            "SAME_UPPER" => Padding::same(sizes[i], reach, strides[i]),
            "SAME_LOWER" => Padding::same(sizes[i], reach, strides[i]).reversed(),
            other => return Err(format!("auto_pad is {other}, and must be NOTSET, VALID, SAME_UPPER or SAME_LOWER")),
        };
        declared.push(padding);
        whole.push(if ceil { raised(sizes[i], reach, strides[i], padding)? } else { padding });
    }
    let pair = |values: &[usize]| if spatial == 1 { (1, values[0]) } else { (values[0], values[1]) };
    let paddings = |values: &[Padding]| if spatial == 1 { (Padding::both(0), values[0]) } else { (values[0], values[1]) };
    let window = Window { kernel: pair(&kernel), stride: pair(&strides), dilation: pair(&dilations), padding: paddings(&whole) };
    Ok(Declared { window, padding: paddings(&declared) })
}

/// The padding with which the number of outputs is rounded up. A window that would begin behind the inputs and the padding in front
/// is left out, as in PyTorch.
fn raised(size: usize, reach: usize, stride: usize, padding: Padding) -> Result<Padding> {
    let padded = padding.before.checked_add(size).and_then(|n| n.checked_add(padding.after)).ok_or("pads are too large")?;
    let Some(room) = padded.checked_sub(reach) else { return Ok(padding) };
    let mut last = room.div_ceil(stride);
    if last * stride >= size + padding.before {
        last -= 1;
    }
    let needed = (last * stride + reach).saturating_sub(padding.before + size);
    Ok(Padding { before: padding.before, after: needed })
}
