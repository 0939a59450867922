//! Evaluates a network straight from its graph, by the definition of each operator.

use sartor_kernels::reference::{self, BatchNorm};
use sartor_kernels::shape::{Conv, Maps};
use sartor_models::{Network, NodeId, Op, Weights};

/// Whether some value is near the end of f32's range or beyond. Drawn networks may square and divide until they are, and then nothing can be
/// compared.
pub fn exceeds_f32(values: &[Vec<f64>]) -> bool {
    values.iter().flatten().any(|value| value.is_nan() || value.abs() > 1e30)
}

/// Values of all nodes in f64, each `c x h x w`.
pub fn evaluate(network: &Network, weights: &Weights, input: &[f64]) -> Vec<Vec<f64>> {
    let maps = |id: NodeId| {
        let shape = network.node(id).shape;
        Maps::new(1, shape.c, shape.h, shape.w)
    };
    let mut values = vec![input.to_vec()];
    for node in &network.nodes()[1..] {
        // Constants read nothing.
        let first = node.inputs.first().copied().unwrap_or(NodeId(0));
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
            Op::Constant(_) => param("value").unwrap().iter().map(|&x| x.into()).collect(),
            Op::Activation(act) => reference::activation(src, act),
            Op::MaxPool(window) => reference::max_pool(src, src_maps, &window),
            Op::AvgPool { window, counted } => reference::avg_pool(src, src_maps, &window, counted),
            Op::Reduce(reduction) => reference::reduce(src, src_maps, reduction),
            Op::Rearrange(how) => reference::rearrange(src, src_maps, how),
            Op::Add => reference::add(src, src_maps, &values[node.inputs[1].0], maps(node.inputs[1]).c),
            Op::Binary(op) => {
                let b = node.inputs[1];
                reference::binary(src, src_maps, &values[b.0], maps(b), |a, b| op.at(a, b))
            }
            Op::Concat => {
                let sources: Vec<_> = node.inputs.iter().map(|&i| (&values[i.0][..], maps(i).c)).collect();
                reference::concat(&sources, src_maps)
            }
            Op::ChannelShuffle { groups } => reference::channel_shuffle(src, src_maps, groups),
            Op::Slice { begin, len } => reference::slice(src, src_maps, begin, len),
            Op::Transpose(order) => reference::transpose(src, src_maps, order),
            Op::Reshape(_) => src.clone(),
            Op::Softmax { log } => reference::softmax(src, src_maps, log),
        };
        assert_eq!(value.len(), node.shape.len(), "{}", node.name);
        values.push(value);
    }
    values
}
