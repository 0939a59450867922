//! MobileNetV1: a chain of depthwise-separable blocks.

use super::chain::{Chain, Result, conv, depthwise, make_divisible};
use super::{Entry, Spec};
use crate::graph::{Activation, Activation::Relu6, Network, Op, Reduction};

pub(super) const ENTRY: Entry =
    Entry::new("mobilenet_v1", "13 depthwise-separable blocks", "Howard et al., arXiv:1704.04861; timm's names", build);

/// Channels of the blocks, stage by stage; all stages but the first begin with stride 2.
const STAGES: [&[usize]; 5] = [&[64], &[128, 128], &[256, 256], &[512, 512, 512, 512, 512, 512], &[1024, 1024]];

fn build(spec: &Spec) -> Result<Network> {
    let scale = |channels: usize| make_divisible(channels as f64 * spec.width, 8);
    let mut net = Chain::new(spec)?;
    stem(&mut net, scale(32), Relu6)?;
    for (index, stage) in STAGES.iter().enumerate() {
        for (i, &channels) in stage.iter().enumerate() {
            let stride = if index > 0 && i == 0 { 2 } else { 1 };
            separable(&mut net, &format!("blocks.{index}.{i}"), scale(channels), stride, Relu6)?;
        }
    }
    net.finish(spec, |net| {
        net.add("global_pool", Op::Reduce(Reduction::Mean))?;
        net.add("classifier", Op::Linear { out: spec.classes, bias: true })
    })
}

/// 3x3 convolution at stride 2.
pub(super) fn stem(net: &mut Chain, oc: usize, act: Activation) -> Result {
    net.enter(2);
    net.conv("conv_stem", conv(oc, 3, 2))?;
    net.norm("bn1")?;
    net.act("act1", act)
}

/// Depthwise 3x3 with ReLU6, then a 1x1 convolution with the given activation.
pub(super) fn separable(net: &mut Chain, name: &str, oc: usize, stride: usize, act: Activation) -> Result {
    net.enter(stride);
    net.conv(format!("{name}.conv_dw"), depthwise(net.channels(), 3, stride))?;
    net.norm(format!("{name}.bn1"))?;
    net.act(format!("{name}.act1"), Relu6)?;
    net.conv(format!("{name}.conv_pw"), conv(oc, 1, 1))?;
    net.norm(format!("{name}.bn2"))?;
    net.act(format!("{name}.act2"), act)
}
