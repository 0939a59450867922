//! EfficientNet b0 to b3: inverted residuals with SiLU and squeeze-and-excitation, scaled in width and depth. The paper's weights
//! are for TensorFlow's definition, which differs from torchvision's in padding and in the batch norms' `eps`.

use super::chain::{Chain, Result, Sequential, conv, depthwise, make_divisible, pointwise_with_bias};
use super::{Alias, Entry, Spec, Variant, timm};
use crate::arithmetic::Arithmetic;
use crate::graph::{
    Activation::{Sigmoid, Silu},
    Network, Op, Reduction,
};

pub(super) const B0: Entry = entry("efficientnet_b0", 224, |spec| build(spec, 1.0, 1.0));
pub(super) const B1: Entry = entry("efficientnet_b1", 240, |spec| build(spec, 1.0, 1.1));
pub(super) const B2: Entry = entry("efficientnet_b2", 260, |spec| build(spec, 1.1, 1.2));
pub(super) const B3: Entry = entry("efficientnet_b3", 300, |spec| build(spec, 1.2, 1.4));

const fn entry(family: &'static str, size: usize, build: fn(&Spec) -> Result<Network>) -> Entry {
    Entry {
        resolution: (size, size),
        names_width: false,
        aliases: &[Alias { label: "timm's names", rename: timm_name, shared: true }],
        variants: &Variant::ALL,
        ..Entry::new(
            family,
            "inverted residuals with SiLU and squeeze-and-excitation",
            "Tan and Le, arXiv:1905.11946; torchvision's layout and names",
            build,
        )
    }
}

/// Expansion, kernel, stride of the first, output channels, repeats.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

fn build(spec: &Spec, width: f64, depth: f64) -> Result<Network> {
    let scale = |channels: usize| make_divisible(channels as f64 * width * spec.width, 8);
    let mut net = Chain::new(spec)?;
    let mut features = Sequential::new("features");
    net.enter(2);
    net.conv_norm_act(&mut Sequential::new(features.name()), conv(scale(32), 3, 2), Some(Silu))?;
    for (expansion, kernel, first_stride, channels, repeats) in STAGES {
        let mut stage = Sequential::new(features.name());
        for i in 0..(repeats as f64 * depth).ceil() as usize {
            let stride = if i == 0 { first_stride } else { 1 };
            mbconv(&mut net, &stage.name(), expansion, kernel, stride, scale(channels))?;
        }
    }
    net.finish(spec, |net| {
        net.conv_norm_act(&mut Sequential::new(features.name()), conv(4 * net.channels(), 1, 1), Some(Silu))?;
        net.add("avgpool", Op::Reduce(Reduction::Mean))?;
        net.add("classifier.1", Op::Linear { out: spec.classes, bias: true })
    })
}

fn mbconv(net: &mut Chain, name: &str, expansion: usize, kernel: usize, stride: usize, oc: usize) -> Result {
    net.enter(stride);
    let (input, ic) = (net.at, net.channels());
    let hidden = ic * expansion;
    let mut block = Sequential::new(format!("{name}.block"));
    if expansion != 1 {
        net.conv_norm_act(&mut Sequential::new(block.name()), conv(hidden, 1, 1), Some(Silu))?;
    }
    net.conv_norm_act(&mut Sequential::new(block.name()), depthwise(hidden, kernel, stride), Some(Silu))?;
    squeeze_excite(net, &block.name(), ic / 4)?;
    net.conv_norm_act(&mut Sequential::new(block.name()), conv(oc, 1, 1), None)?;
    if stride == 1 && ic == oc { net.shortcut(name, input) } else { Ok(()) }
}

fn squeeze_excite(net: &mut Chain, name: &str, hidden: usize) -> Result {
    let (x, channels) = (net.at, net.channels());
    net.add(format!("{name}.avgpool"), Op::Reduce(Reduction::Mean))?;
    net.conv(format!("{name}.fc1"), pointwise_with_bias(hidden))?;
    net.act(format!("{name}.activation"), Silu)?;
    net.conv(format!("{name}.fc2"), pointwise_with_bias(channels))?;
    net.act(format!("{name}.scale_activation"), Sigmoid)?;
    net.join(format!("{name}.mul"), Op::Binary(Arithmetic::Mul), &[x, net.at])
}

/// timm's name of a parameter: it numbers the stages from 0 and names the layers of a block.
fn timm_name(name: &str) -> String {
    timm::renamed(name, |parts| {
        let ["features", stage, block, "block", layer, part] = parts else { return None };
        let stage = stage.parse::<usize>().ok()?.checked_sub(1)?;
        let (block, layer): (usize, usize) = (block.parse().ok()?, layer.parse().ok()?);
        let squeeze = if stage == 0 { 1 } else { 2 };
        match *part {
            "fc1" => Some(format!("blocks.{stage}.{block}.se.conv_reduce")),
            "fc2" => Some(format!("blocks.{stage}.{block}.se.conv_expand")),
            norm => timm::layer(stage, block, if layer > squeeze { layer - 1 } else { layer }, norm == "1"),
        }
    })
}
