//! Every operator at run-time shapes, written once for all levels. This runs any network at once without a compiler, and is the
//! baseline that shows what specialising buys.
//!
//! Maps are NHWC: `n * h * w` rows of [`pitch`]`(c)` floats, whose pad lanes are zero. Every operator writes whole rows and keeps
//! pad lanes zero, whatever its destination held before, as long as values are finite. An infinity times a zero weight is NaN, in
//! a pad lane too; only other pad lanes read it there.
//!
//! All functions panic if a slice does not have the length that its maps give it, or if a length overflows.
//!
//! Special values follow [`reference`](crate::reference), with one exception. A convolution multiplies padding as zeros, so a
//! weight that is not finite gives NaN where it meets padding.

mod channels;
mod conv;
mod depthwise;
mod elementwise;
mod pool;
mod rearrange;
mod simd;
#[cfg(test)]
mod tests;

pub use channels::{channel_shuffle, concat, pack, reshape, slice, softmax, transpose, unpack};
pub use conv::PackedConv;
pub use depthwise::PackedDepthwise;
pub use elementwise::{PackedNorm, activation, add, binary};
pub use pool::{avg_pool, max_pool, reduce};
pub use rearrange::rearrange;

use crate::shape::{Maps, product};

/// All pitches are multiples of this. It is one, two or four vectors, depending on the level.
const LANES: usize = 16;

/// Floats from one pixel of `c` channels to the next.
///
/// # Panics
/// If it overflows.
pub const fn pitch(c: usize) -> usize {
    c.checked_next_multiple_of(LANES).expect("the number of channels overflows")
}

/// Length of maps in memory, in f32.
///
/// # Panics
/// If it overflows.
pub const fn map_len(maps: Maps) -> usize {
    product(&[maps.n, maps.pixels(), pitch(maps.c)])
}

fn check(what: &str, values: &[f32], maps: Maps) {
    assert_eq!(values.len(), map_len(maps), "length of the {what}, {maps:?}");
}
