//! ReXNet: channels linear in the block index, SiLU after the expansion, a squeeze-and-excitation in front of ReLU6.

use super::chain::{Chain, Result, Sequential, conv, depthwise, pointwise_with_bias, round};
use super::{Alias, Entry, Spec};
use crate::arithmetic::Arithmetic;
use crate::graph::{
    Activation::{Relu, Relu6, Sigmoid, Silu},
    Network, Op, Reduction,
};

pub(super) const ENTRY: Entry = Entry {
    aliases: &[Alias { label: "timm's names", rename: timm_name, shared: false }],
    ..Entry::new(
        "rexnet",
        "MobileNetV2 with channels linear in the block index, SiLU and squeeze-and-excitation",
        "Han et al., arXiv:2007.00992; the authors' class ReXNetV1",
        build,
    )
};

/// Blocks, stride of the first, whether there is a squeeze-and-excitation.
const STAGES: [(usize, usize, bool); 6] = [(1, 1, false), (2, 2, false), (2, 2, true), (3, 2, true), (3, 1, true), (5, 2, true)];
/// Hidden channels over those of the squeeze-and-excitation.
const SE_RATIO: usize = 12;

fn build(spec: &Spec) -> Result<Network> {
    let mut net = Chain::new(spec)?;
    let mut features = Sequential::new("features");
    let (stem, channels) = channels(spec.width);
    net.enter(2);
    net.conv_norm_act(&mut features, conv(stem, 3, 2), Some(Silu))?;
    let mut channels = channels.into_iter();
    for (index, (blocks, first_stride, se)) in STAGES.into_iter().enumerate() {
        for (i, oc) in channels.by_ref().take(blocks).enumerate() {
            let stride = if i == 0 { first_stride } else { 1 };
            bottleneck(&mut net, &features.name(), if index == 0 { 1 } else { 6 }, oc, stride, se)?;
        }
    }
    net.finish(spec, |net| {
        net.conv_norm_act(&mut features, conv((1280.0 * spec.width) as usize, 1, 1), Some(Silu))?;
        net.add(features.name(), Op::Reduce(Reduction::Mean))?;
        net.conv("output.1", pointwise_with_bias(spec.classes))
    })
}

/// Channels of the stem and of the 16 blocks. Below x1.0 the stem and the first block keep their width.
fn channels(width: f64) -> (usize, [usize; 16]) {
    let unscale = |c: f64| if width < 1.0 { c / width } else { c };
    let mut inplanes = unscale(16.0);
    let blocks = std::array::from_fn(|i| {
        if i > 0 {
            inplanes += 180.0 / 16.0; // step by step, as the source does: the rounding errors are part of the definition
        }
        round(inplanes * width)
    });
    (round(unscale(32.0) * width), blocks)
}

fn bottleneck(net: &mut Chain, name: &str, expansion: usize, oc: usize, stride: usize, se: bool) -> Result {
    net.enter(stride);
    let (input, ic) = (net.at, net.channels());
    let hidden = ic * expansion;
    let mut seq = Sequential::new(format!("{name}.out"));
    if expansion != 1 {
        net.conv_norm_act(&mut seq, conv(hidden, 1, 1), Some(Silu))?;
    }
    net.conv_norm_act(&mut seq, depthwise(hidden, 3, stride), None)?;
    if se {
        squeeze_excite(net, &seq.name(), hidden)?;
    }
    net.act(seq.name(), Relu6)?;
    net.conv_norm_act(&mut seq, conv(oc, 1, 1), None)?;
    if stride == 1 && ic <= oc { net.shortcut(name, input) } else { Ok(()) }
}

fn squeeze_excite(net: &mut Chain, name: &str, channels: usize) -> Result {
    let x = net.at;
    let mut fc = Sequential::new(format!("{name}.fc"));
    net.add(format!("{name}.avg_pool"), Op::Reduce(Reduction::Mean))?;
    net.conv_norm_act(&mut fc, pointwise_with_bias(channels / SE_RATIO), Some(Relu))?;
    net.conv(fc.name(), pointwise_with_bias(channels))?;
    net.act(fc.name(), Sigmoid)?;
    net.join(format!("{name}.mul"), Op::Binary(Arithmetic::Mul), &[x, net.at])
}

/// timm's name of a parameter: it numbers the blocks from 0 and names their layers.
fn timm_name(name: &str) -> String {
    let (node, param) = name.rsplit_once('.').unwrap_or((name, ""));
    let parts: Vec<&str> = node.split('.').collect();
    let block = parts.get(1).and_then(|index| index.parse::<usize>().ok()).map_or(0, |index| index.wrapping_sub(3));
    let node = match parts[..] {
        ["features", "0"] => "stem.conv".into(),
        ["features", "1"] => "stem.bn".into(),
        ["features", "19"] => "features.16.conv".into(),
        ["features", "20"] => "features.16.bn".into(),
        ["output", "1"] => "head.fc".into(),
        ["features", _, "out", _, "fc", layer] => {
            format!(
                "features.{block}.se.{}",
                if layer == "0" {
                    "fc1"
                } else if layer == "1" {
                    "bn"
                } else {
                    "fc2"
                }
            )
        }
        ["features", _, "out", layer] => {
            let layer = match (block, layer) {
                (1.., "0") => "conv_exp.conv",
                (1.., "1") => "conv_exp.bn",
                (0, "0") | (1.., "3") => "conv_dw.conv",
                (0, "1") | (1.., "4") => "conv_dw.bn",
                (0, "3") | (1..3, "6") | (3.., "7") => "conv_pwl.conv",
                _ => "conv_pwl.bn",
            };
            format!("features.{block}.{layer}")
        }
        _ => node.into(),
    };
    format!("{node}.{param}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn channels_round_half_to_even() {
        let blocks = [16, 27, 38, 50, 61, 72, 84, 95, 106, 117, 128, 140, 151, 162, 174, 185];
        assert_eq!(super::channels(1.0), (32, blocks));
        assert_eq!(super::channels(0.6).1[0], 16);
    }
}
