//! How the dimensions of a constant meet those of a tensor that the network computes.

use super::constant::Constant;
use super::node::Result;
use super::view::{MapAxis, View};

/// For each dimension of a view, how many values of a constant are from one index to the next; 0 where the constant is repeated.
/// Its last dimension meets the view's last.
pub fn steps(view: &View, constant: &Constant) -> Result<Vec<usize>> {
    let sizes = view.sizes();
    let skip = sizes.len().checked_sub(constant.dims.len());
    let skip = skip.ok_or_else(|| format!("a constant of dimensions {:?} has more than its input, {sizes:?}", constant.dims))?;
    let mut steps = vec![0; sizes.len()];
    let mut step = 1;
    for (i, &dim) in constant.dims.iter().enumerate().rev().filter(|(_, dim)| **dim != 1) {
        if dim != sizes[skip + i] {
            return Err(format!("a constant of dimensions {:?} does not fit its input, {sizes:?}", constant.dims));
        }
        steps[skip + i] = step;
        step *= dim;
    }
    Ok(steps)
}

/// Whether a constant with these steps has values of its own for each pixel of a map.
pub fn is_by_pixel(view: &View, steps: &[usize]) -> bool {
    let touches = |dim: usize| view.touches(dim, MapAxis::H) || view.touches(dim, MapAxis::W);
    steps.iter().enumerate().any(|(dim, &step)| step > 0 && touches(dim))
}

/// The value of a constant with these steps at a place of a map.
pub fn at(view: &View, steps: &[usize], place: [usize; 3]) -> usize {
    view.indices(place).iter().zip(steps).map(|(index, step)| index * step).sum()
}
