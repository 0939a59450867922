//! Constants as maps: those that have values of their own for each pixel.

use super::super::broadcast::{at, steps};
use super::super::constant::Constant;
use super::super::node::Result;
use super::super::value::Computed;
use super::super::view::{MapAxis, View};
use super::translator::Translator;
use crate::graph::{NodeId, Op, Shape};

/// A map of constants that meets the map of a computed tensor, pixel by pixel. It has one channel if all channels meet the same.
pub fn by_pixel(t: &mut Translator, name: &str, x: &Computed, view: &View, constant: &Constant) -> Result<NodeId> {
    let values = constant.expect_floats("a constant")?;
    let steps = steps(view, constant)?;
    let shape = t.shape(x.node);
    let by_channel = steps.iter().enumerate().any(|(dim, &step)| step > 0 && view.touches(dim, MapAxis::C));
    let shape = Shape { c: if by_channel { shape.c } else { 1 }, ..shape };
    t.make(shape.len())?;
    let place = |i: usize| [i / shape.pixels(), i / shape.w % shape.h, i % shape.w];
    let values = (0..shape.len()).map(|i| values[at(view, &steps, place(i))]).collect();
    t.constant(&format!("{name}.constant"), shape, values)
}

impl Translator {
    /// A map of constants.
    pub(super) fn constant(&mut self, name: &str, shape: Shape, values: Vec<f32>) -> Result<NodeId> {
        self.add_with(name, Op::Constant(shape), &[], vec![("value", shape.dims().to_vec(), values)])
    }

    /// A constant as a computed tensor. Up to four dimensions that begin with a batch of one lie in a map in the usual order; others are
    /// channels, one for each element.
    pub(super) fn held(&mut self, name: &str, constant: &Constant) -> Result<Computed> {
        let values = constant.expect_floats("a constant")?;
        let shape = match constant.dims[..] {
            [1, c, w] => Shape::new(c, 1, w),
            [1, c, h, w] => Shape::new(c, h, w),
            _ => Shape::new(values.len(), 1, 1),
        };
        let view = View::usual(shape, 4)
            .reshaped(&constant.dims)
            .ok_or_else(|| format!("a constant of dimensions {:?} is no map", constant.dims))?;
        self.make(values.len())?;
        Ok(Computed { node: self.constant(name, shape, values.to_vec())?, view })
    }
}
