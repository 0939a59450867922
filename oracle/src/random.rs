//! Seeded inputs.

use sartor_models::{Network, Shape, Tensor, Weights};

/// Uniform values in -1..1 (SplitMix64).
pub fn uniform(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
        })
        .collect()
}

/// An input of a network, of standard deviation 1.
pub fn input(shape: Shape, batch: usize, seed: u64) -> Vec<f32> {
    uniform(batch * shape.len(), seed).into_iter().map(|x| x * 3f32.sqrt()).collect()
}

/// Weights under which activations neither die nor explode.
pub fn weights(network: &Network, seed: u64) -> Weights {
    let mut weights = Weights::default();
    for (i, param) in network.params().into_iter().enumerate() {
        let len = param.shape.iter().product();
        let fan: usize = param.shape[1..].iter().product();
        let scale = |x: f32, middle: f32, half: f32| middle + half * x;
        let is_norm = param.shape.len() == 1;
        let data: Vec<f32> = uniform(len, seed.wrapping_mul(1 << 20) + i as u64)
            .into_iter()
            .map(|x| match param.name.rsplit('.').next() {
                Some("running_var") => scale(x, 1.0, 0.4),
                Some("weight") if is_norm => scale(x, 1.0, 0.3),
                Some("weight") => x * (6.0 / fan as f32).sqrt(),
                _ => scale(x, 0.0, 0.3),
            })
            .collect();
        weights.insert(param.name, Tensor::new(param.shape, data));
    }
    weights
}
