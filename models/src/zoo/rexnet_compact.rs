//! ReXNet-compact: six blocks after a published sketch that could not run.
//!
//! The sketch leaves some things open and has errors. Here, the result of the squeeze-and-excitation is used, and the projection
//! is applied once, with or without it. The shortcut, at stride 1 only, is a 1x1 convolution of the input. The classifier reads a
//! global average. Convolutions before a batch norm have no bias, and all others have one.

use super::chain::{Chain, Result, Sequential, conv, depthwise, pointwise_with_bias, round};
use super::{Entry, Spec};
use crate::arithmetic::Arithmetic;
use crate::graph::{
    Activation,
    Activation::{Relu6, Sigmoid, Silu},
    Conv2d, Network, Op, Reduction,
};

pub(super) const ENTRY: Entry =
    Entry::new("rexnet_compact", "six ReXNet blocks with convolved shortcuts", "a published sketch of ReXNet, repaired", build);

/// Output channels, stride, squeeze-and-excitation of the blocks of each layer; the expansion is 6, the kernel 3x3.
const LAYERS: [&[(usize, usize, bool)]; 5] =
    [&[(16, 1, false)], &[(52, 2, false)], &[(68, 2, true)], &[(84, 2, true), (100, 1, true)], &[(116, 2, true)]];
/// Hidden channels over those of the squeeze-and-excitation.
const SE_RATIO: usize = 12;

fn build(spec: &Spec) -> Result<Network> {
    let scale = |channels: usize| round(channels as f64 * spec.width);
    let mut net = Chain::new(spec)?;
    net.enter(2);
    conv_norm_act(&mut net, "rexStem.conv", conv(scale(32), 3, 2), Some(Relu6))?;
    for (index, layer) in LAYERS.iter().enumerate() {
        let mut blocks = Sequential::new(format!("layer{}.layer", index + 1));
        for &(channels, stride, se) in *layer {
            block(&mut net, &blocks.name(), scale(channels), stride, se)?;
        }
    }
    net.finish(spec, |net| {
        conv_norm_act(net, "classification.0", conv(scale(1280), 1, 1), None)?;
        net.add("avgpool", Op::Reduce(Reduction::Mean))?;
        net.conv("classification.1", pointwise_with_bias(spec.classes))
    })
}

fn block(net: &mut Chain, name: &str, oc: usize, stride: usize, se: bool) -> Result {
    net.enter(stride);
    let input = net.at;
    let hidden = net.channels() * 6;
    conv_norm_act(net, &format!("{name}.conv1"), conv(hidden, 1, 1), Some(Silu))?;
    conv_norm_act(net, &format!("{name}.dconv"), depthwise(hidden, 3, stride), None)?;
    if se {
        squeeze_excite(net, &format!("{name}.se"), hidden)?;
    }
    conv_norm_act(net, &format!("{name}.conv2"), conv(oc, 1, 1), Some(Relu6))?;
    if stride == 1 {
        let out = std::mem::replace(&mut net.at, input);
        net.conv(format!("{name}.identity"), pointwise_with_bias(oc))?;
        net.shortcut(name, out)?;
    }
    Ok(())
}

fn conv_norm_act(net: &mut Chain, name: &str, conv: Conv2d, act: Option<Activation>) -> Result {
    net.conv(format!("{name}.conv"), conv)?;
    net.norm(format!("{name}.bn"))?;
    act.map_or(Ok(()), |act| net.act(format!("{name}.act"), act))
}

fn squeeze_excite(net: &mut Chain, name: &str, channels: usize) -> Result {
    let x = net.at;
    net.add(format!("{name}.avg_pool"), Op::Reduce(Reduction::Mean))?;
    net.conv(format!("{name}.fc1"), pointwise_with_bias(channels / SE_RATIO))?;
    net.act(format!("{name}.act"), Relu6)?;
    net.conv(format!("{name}.fc2"), pointwise_with_bias(channels))?;
    net.act(format!("{name}.gate"), Sigmoid)?;
    net.join(format!("{name}.mul"), Op::Binary(Arithmetic::Mul), &[x, net.at])
}
