//! Draws small random networks that compute with reals, and weights for them.

use proptest::prelude::*;
use sartor_models::{Network, Tensor, Weights};

use super::{graphs, noise};
use crate::lab::Data;

/// Networks on maps of up to 9 x 9 pixels.
pub fn network() -> impl Strategy<Value = Network> {
    graphs::graph(1..=4, 1..=9, 40, u64::MAX, Data::Reals)
}

/// Weights that keep activations near 1. The same network gets the same weights.
pub fn weights(network: &Network) -> Weights {
    let mut weights = Weights::default();
    for (seed, param) in network.params().into_iter().enumerate() {
        let fan_in: usize = param.shape[1..].iter().product();
        let (centre, spread) = match param.name.rsplit('.').next() {
            Some("weight") if param.shape.len() > 1 => (0.0, (4.0 / fan_in as f64).sqrt()),
            Some("weight" | "running_var") => (1.0, 0.5),
            _ => (0.0, 0.5),
        };
        let values = noise(seed as u64).map(|x| (centre + spread * x) as f32);
        let data = values.take(param.shape.iter().product()).collect();
        weights.insert(param.name, Tensor::new(param.shape, data));
    }
    weights
}
