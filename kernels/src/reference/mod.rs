//! The definition of right: every operator as plain loops over NCHW maps, summed in f64.
//!
//! Sources may be f32 or f64 ([`Value`]), so that a chain of operators can be followed with or without rounding in between.
//! Parameters are f32. Results are f64 and not rounded.
//!
//! Special values follow PyTorch: ReLU and max pooling pass NaN on. Padding is not read, so a weight that is not finite does not
//! meet a padded zero.
//!
//! All functions panic if a slice does not have the length that its maps give it.

pub mod bound;

mod activation;
mod channels;
mod conv;
mod elementwise;
mod norm;
mod pool;
mod rearrange;
mod softmax;
mod winograd;

pub use activation::activation;
pub use channels::{channel_shuffle, concat, slice, transpose};
pub use conv::{conv2d, linear};
pub use elementwise::{add, binary};
pub use norm::{BatchNorm, batch_norm};
pub use pool::{avg_pool, max_pool, reduce};
pub use rearrange::rearrange;
pub use softmax::softmax;
pub use winograd::{from_tiles, into_tiles};

/// An element of a map: f32 or f64.
pub trait Value: Copy + Into<f64> {}

impl Value for f32 {}
impl Value for f64 {}

/// Rounds results to the nearest f32, ties to even.
pub fn round(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

fn check(what: &str, found: usize, expected: usize) {
    assert_eq!(found, expected, "length of the {what}");
}
