//! What tests of every part of the compiler share: networks to draw, weights for them, and slow evaluators to compare with.

pub mod draw;
pub mod layers;
pub mod network;

use sartor_models::Activation;

/// Reproducible values in `-1.0..1.0` (splitmix64).
pub fn noise(mut seed: u64) -> impl Iterator<Item = f64> {
    std::iter::repeat_with(move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

/// An elementwise function in f64; NaN stays NaN.
pub fn activation(act: Option<Activation>, x: f64) -> f64 {
    match act {
        None => x,
        Some(Activation::Relu) => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Some(Activation::Relu6) => x.clamp(0.0, 6.0),
        Some(Activation::Silu) => x / (1.0 + (-x).exp()),
        Some(Activation::Sigmoid) => 1.0 / (1.0 + (-x).exp()),
    }
}
