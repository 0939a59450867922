//! From a layer's shape to a kernel: which tile, which order, which registers. One file a kernel family.
//!
//! All families share the layout of memory: rows of pixels of `pitch` f32, a pitch being a multiple of [`PANEL`](crate::layout::PANEL); weights in
//! panels of `PANEL` output lanes, each `[bias, taps..]` of `PANEL` f32.
//!
//! NaN and infinities go where PyTorch's do, but for zero weights: a lane whose weight is zero because it is padding, or because
//! its channel is in another group that shares a panel, becomes NaN where the source is not finite.

pub mod direct;
pub mod eltwise;
pub mod epilogue;
pub mod family;
pub mod library;
pub mod mean;
pub mod pointwise;
pub mod spec;
#[cfg(test)]
mod tests;
pub mod tile;
pub mod window;
