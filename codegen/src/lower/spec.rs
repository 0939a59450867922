//! Specifications, from which kernels are made: one variant for each family.

use std::ops::Deref;

use super::direct::Direct;
use super::eltwise::Eltwise;
use super::family::Family;
use super::moved::Moved;
use super::pointwise::Pointwise;
use super::reduce::Reduce;
use super::softmax::Softmax;
use super::spread::Spread;
use super::window::Window;
use super::winograd::{FromTiles, IntoTiles};

/// What a kernel is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Spec {
    /// 1x1 convolution.
    Pointwise(Pointwise),
    /// Other dense convolutions.
    Direct(Direct),
    /// Depthwise convolution and pooling.
    Window(Window),
    /// Tiles of a map, transformed.
    IntoTiles(IntoTiles),
    /// Tiles of products, transformed to outputs.
    FromTiles(FromTiles),
    /// Reduction of pixels.
    Reduce(Reduce),
    /// Pixels that are moved.
    Spread(Spread),
    /// Values that are moved.
    Moved(Moved),
    /// Softmax over lanes.
    Softmax(Softmax),
    /// Elementwise operators.
    Eltwise(Eltwise),
}

impl Deref for Spec {
    type Target = dyn Family;

    fn deref(&self) -> &(dyn Family + 'static) {
        match self {
            Spec::Pointwise(spec) => spec,
            Spec::Direct(spec) => spec,
            Spec::Window(spec) => spec,
            Spec::IntoTiles(spec) => spec,
            Spec::FromTiles(spec) => spec,
            Spec::Reduce(spec) => spec,
            Spec::Spread(spec) => spec,
            Spec::Moved(spec) => spec,
            Spec::Softmax(spec) => spec,
            Spec::Eltwise(spec) => spec,
        }
    }
}
