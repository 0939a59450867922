//! Under random weights activations neither vanish nor explode, through any network of the zoo.

use sartor_kernels::reference::{self, BatchNorm};
use sartor_kernels::shape::{Conv, Maps};
use sartor_models::zoo::{self, Spec};
use sartor_models::{Network, NodeId, Op, Weights};

/// All nodes' values in f64.
fn run(network: &Network, weights: &Weights, input: Vec<f64>) -> Vec<Vec<f64>> {
    let maps = |id: NodeId| {
        let shape = network.node(id).shape;
        Maps::new(1, shape.c, shape.h, shape.w)
    };
    let mut values = vec![input];
    for node in &network.nodes()[1..] {
        let first = node.inputs[0];
        let (src, src_maps) = (&values[first.0], maps(first));
        let param = |suffix: &str| weights.get(&format!("{}.{suffix}", node.name)).map(|tensor| tensor.data());
        let value = match node.op {
            Op::Input => unreachable!("a network has one input"),
            Op::Conv2d(c) => {
                let conv = Conv { oc: c.oc, window: c.window, groups: c.groups };
                reference::conv2d(src, src_maps, param("weight").unwrap(), param("bias"), &conv)
            }
            Op::Linear { out, .. } => reference::linear(src, src_maps.c, param("weight").unwrap(), param("bias"), out),
            Op::BatchNorm { eps } => {
                let [weight, bias, mean, var] = ["weight", "bias", "running_mean", "running_var"].map(|s| param(s).unwrap());
                reference::batch_norm(src, src_maps, &BatchNorm { weight, bias, mean, var, eps })
            }
            Op::Activation(act) => reference::activation(src, act),
            Op::MaxPool(window) => reference::max_pool(src, src_maps, &window),
            Op::AvgPool(window) => reference::avg_pool(src, src_maps, &window, true),
            Op::GlobalAvgPool => reference::global_avg_pool(src, src_maps),
            Op::Add => reference::add(src, src_maps, &values[node.inputs[1].0], maps(node.inputs[1]).c),
            Op::Mul => reference::mul(src, src_maps, &values[node.inputs[1].0]),
            Op::Concat => {
                let sources: Vec<_> = node.inputs.iter().map(|&i| (&values[i.0][..], maps(i).c)).collect();
                reference::concat(&sources, src_maps)
            }
            Op::ChannelShuffle { groups } => reference::channel_shuffle(src, src_maps, groups),
            Op::LogSoftmax => reference::log_softmax(src, src_maps.c),
        };
        values.push(value);
    }
    values
}

#[test]
fn activations_keep_their_scale() {
    for name in zoo::defaults() {
        let network = name.parse::<Spec>().unwrap().with_resolution(64, 64).build().unwrap();
        // Uniform, of variance 1.
        let noise = (1u64..).map(|i| ((i * 16807 % 2_147_483_647) * 48271 % 2_147_483_647) as f64 / 2_147_483_647.0);
        let input: Vec<f64> = noise.take(network.input_shape().len()).map(|x| (x * 2.0 - 1.0) * 3f64.sqrt()).collect();
        let values = run(&network, &Weights::random(&network, 0), input);
        let rms = |x: &[f64]| (x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64).sqrt();
        for (node, value) in network.nodes().iter().zip(&values) {
            assert!((0.01..30.0).contains(&rms(value)), "{name}, {}: root mean square {}", node.name, rms(value));
        }
    }
}
