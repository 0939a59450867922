//! Seeded inputs and weights.

use sartor_models::{Network, Op, Param, Shape, Weights};
use tch::Kind;

use crate::torch::{Torch, ids, tensor, values};

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

/// Random weights of a network. Each batch norm has nearly the statistics of its input, as after training, so that values neither vanish
/// nor explode in networks of any depth. The statistics are computed in f64, because PyTorch's f32 kernels differ from CPU to CPU.
pub fn weights(network: &Network, seed: u64) -> Weights {
    let mut weights = Weights::default();
    for (i, param) in network.params().into_iter().enumerate() {
        let data = uniform(param.shape.iter().product(), seed.wrapping_mul(1 << 20) + i as u64);
        insert(&mut weights, &param, data.into_iter().map(|x| scale(&param, x)).collect());
    }
    // Enough images that even the last maps, which are small, have statistics.
    let shape = network.input_shape();
    let batch = ((1 << 16) / shape.pixels()).clamp(2, 32);
    let mut maps = vec![tensor(&input(shape, batch, seed), batch, shape).to_kind(Kind::Double)];
    for id in ids(network).skip(1) {
        let node = network.node(id);
        let inputs: Vec<_> = node.inputs.iter().map(|i| &maps[i.0]).collect();
        if let (Op::BatchNorm { .. }, [_, _, mean, var]) = (node.op, network.params_of(id).as_slice()) {
            let of_channels = [0i64, 2, 3];
            let true_mean = inputs[0].mean_dim(&of_channels[..], false, Kind::Double);
            let true_var = inputs[0].var_dim(&of_channels[..], false, false);
            insert(&mut weights, mean, values(&(&true_mean * 0.8)));
            insert(&mut weights, var, values(&(true_var + &true_mean * &true_mean * 0.1 + 0.01)));
        }
        let map = Torch::of_node(network, id, &weights).node(id, &inputs, Kind::Double);
        maps.push(map);
    }
    weights
}

fn insert(weights: &mut Weights, param: &Param, data: Vec<f32>) {
    weights.insert(&param.name, sartor_models::Tensor::new(param.shape.clone(), data));
}

/// A parameter from a value in -1..1: variance-preserving weights (He), scales around 1, small biases.
fn scale(param: &Param, x: f32) -> f32 {
    let is_vector = param.shape.len() == 1;
    match param.name.rsplit('.').next() {
        Some("running_var") => 1.0 + 0.4 * x,
        Some("weight") if is_vector => 1.0 + 0.3 * x,
        Some("weight") => x * (6.0 / param.shape[1..].iter().product::<usize>() as f32).sqrt(),
        _ => 0.3 * x,
    }
}
