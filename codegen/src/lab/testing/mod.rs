//! What the tests of all parts of the compiler share: networks to draw, weights for them, and slow evaluators to compare with.

pub mod draw;
pub mod graphs;
pub mod layers;
pub mod network;

use sartor_models::Activation;

use crate::lab;
use crate::lower::epilogue::factor_of_sums;

/// Random values in `-1.0..1.0`, the same for the same seed.
pub fn noise(seed: u64) -> impl Iterator<Item = f64> {
    lab::noise(seed).map(|bits| (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
}

/// Applies an activation in f64, if there is one.
pub fn activation(act: Option<Activation>, x: f64) -> f64 {
    act.map_or(x, |act| act.at(x))
}

/// Applies an activation to a convolution's sum, which contains the factor of the weights.
pub fn activation_of_sum(act: Option<Activation>, sum: f64) -> f64 {
    activation(act, sum / factor_of_sums(act))
}
