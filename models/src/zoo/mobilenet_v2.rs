//! MobileNetV2: inverted residuals with linear bottlenecks.

use super::chain::{Chain, Result, Sequential, conv, depthwise, make_divisible};
use super::{Alias, Entry, Spec, timm};
use crate::graph::{Activation::Relu6, Network, Op, Reduction};

pub(super) const ENTRY: Entry = Entry {
    aliases: &[Alias { label: "timm's names", rename: timm_name, shared: false }],
    ..Entry::new(
        "mobilenet_v2",
        "inverted residuals with linear bottlenecks",
        "Sandler et al., arXiv:1801.04381; torchvision's layout and names",
        build,
    )
};

/// Expansion, output channels, repeats, stride of the first.
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

fn build(spec: &Spec) -> Result<Network> {
    let scale = |channels: usize, width: f64| make_divisible(channels as f64 * width, 8);
    let mut net = Chain::new(spec)?;
    let mut features = Sequential::new("features");
    net.enter(2);
    net.conv_norm_act(&mut Sequential::new(features.name()), conv(scale(32, spec.width), 3, 2), Some(Relu6))?;
    for (expansion, channels, repeats, first_stride) in STAGES {
        for i in 0..repeats {
            let stride = if i == 0 { first_stride } else { 1 };
            inverted_residual(&mut net, &features.name(), expansion, scale(channels, spec.width), stride)?;
        }
    }
    net.finish(spec, |net| {
        let last = scale(1280, spec.width.max(1.0));
        net.conv_norm_act(&mut Sequential::new(features.name()), conv(last, 1, 1), Some(Relu6))?;
        net.add("avgpool", Op::Reduce(Reduction::Mean))?;
        net.add("classifier.1", Op::Linear { out: spec.classes, bias: true })
    })
}

fn inverted_residual(net: &mut Chain, name: &str, expansion: usize, oc: usize, stride: usize) -> Result {
    net.enter(stride);
    let (input, ic) = (net.at, net.channels());
    let hidden = ic * expansion;
    let mut seq = Sequential::new(format!("{name}.conv"));
    if expansion != 1 {
        net.conv_norm_act(&mut Sequential::new(seq.name()), conv(hidden, 1, 1), Some(Relu6))?;
    }
    net.conv_norm_act(&mut Sequential::new(seq.name()), depthwise(hidden, 3, stride), Some(Relu6))?;
    net.conv_norm_act(&mut seq, conv(oc, 1, 1), None)?;
    if stride == 1 && ic == oc { net.shortcut(name, input) } else { Ok(()) }
}

/// timm's name of a parameter: it numbers the blocks by stage and names their layers.
fn timm_name(name: &str) -> String {
    timm::renamed(name, |parts| {
        let ["features", block, "conv", layer, ..] = parts else { return None };
        let layer: usize = layer.parse().ok()?;
        let mut block = block.parse::<usize>().ok()?.checked_sub(1)?;
        let stage = STAGES.iter().position(|&(_, _, repeats, _)| {
            let here = block < repeats;
            block -= if here { 0 } else { repeats };
            here
        })?;
        // The last convolution and its batch norm stand by themselves, the others in a `Sequential` each.
        let last = if stage == 0 { 1 } else { 2 };
        let norm = parts.get(4).map_or(layer > last, |part| *part == "1");
        timm::layer(stage, block, layer.min(last), norm)
    })
}
