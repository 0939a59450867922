//! From a layer's shape to a kernel: which tile, which order, which registers. There is one file for each family of kernels.
//!
//! All families share the layout of memory. A map is rows of pixels that are `pitch` f32 apart; a pitch is a multiple of
//! [`PANEL`](crate::layout::PANEL). Weights are in panels of `PANEL` output lanes; each panel is `[bias, taps..]`, of `PANEL` f32
//! each.
//!
//! NaN and infinities give what PyTorch gives, with two exceptions. The first is zero weights. A lane's weight is zero if the lane is padding,
//! or if its channel is in another group that shares a panel. Such a lane becomes NaN where the source is not finite. The second is
//! Winograd's tiles: they give NaN where direct sums give an infinity.

pub mod direct;
pub mod eltwise;
pub mod epilogue;
pub mod family;
pub mod library;
pub mod moved;
pub mod pointwise;
pub mod reduce;
pub mod softmax;
pub mod spec;
pub mod spread;
#[cfg(test)]
mod tests;
pub mod tile;
pub mod window;
pub mod winograd;
