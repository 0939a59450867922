//! The list of fused operators.

use std::ops::Deref;

use super::activate::Activate;
use super::add::Add;
use super::binary::Binary;
use super::constant::Constant;
use super::conv::Conv;
use super::depthwise::Depthwise;
use super::moved::Moved;
use super::operator::Operator;
use super::pool::Pool;
use super::rearranged::Rearranged;
use super::reduce::Reduce;
use super::shares::Shares;
use super::winograd::{FromTiles, IntoTiles};

/// A fused operator.
#[derive(Clone, Debug)]
pub enum LayerOp {
    /// Convolution or linear layer over all or groups of channels.
    Conv(Conv),
    /// Tiles of a map, transformed for Winograd's products.
    IntoTiles(IntoTiles),
    /// Tiles of Winograd's products, transformed to outputs.
    FromTiles(FromTiles),
    /// Convolution of each lane by itself.
    Depthwise(Depthwise),
    /// Max or average over a window.
    Pool(Pool),
    /// Reduction of the map's pixels to one.
    Reduce(Reduce),
    /// A map with its pixels moved.
    Rearrange(Rearranged),
    /// A transposed or reshaped map.
    Move(Moved),
    /// A map of constants.
    Constant(Constant),
    /// Softmax over the channels of each pixel.
    Softmax(Shares),
    /// Arithmetic on two maps.
    Binary(Binary),
    /// Sum of two maps.
    Add(Add),
    /// An activation that was not fused into another layer.
    Activation(Activate),
}

impl Deref for LayerOp {
    type Target = dyn Operator;

    fn deref(&self) -> &(dyn Operator + 'static) {
        match self {
            LayerOp::Conv(op) => op,
            LayerOp::IntoTiles(op) => op,
            LayerOp::FromTiles(op) => op,
            LayerOp::Depthwise(op) => op,
            LayerOp::Pool(op) => op,
            LayerOp::Reduce(op) => op,
            LayerOp::Rearrange(op) => op,
            LayerOp::Move(op) => op,
            LayerOp::Constant(op) => op,
            LayerOp::Softmax(op) => op,
            LayerOp::Binary(op) => op,
            LayerOp::Add(op) => op,
            LayerOp::Activation(op) => op,
        }
    }
}
