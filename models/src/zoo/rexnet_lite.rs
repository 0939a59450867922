//! ReXNet-lite: channels linear in the block index, in multiples of 8; ReLU6 throughout; no squeeze-and-excitation.

use super::chain::{Chain, Result, Sequential, conv, depthwise, make_divisible, pointwise_with_bias, round};
use super::{Entry, Spec};
use crate::graph::{Activation::Relu6, Network, Op, Reduction};

pub(super) const ENTRY: Entry = Entry {
    kernel_conf: true,
    ..Entry::new(
        "rexnet_lite",
        "ReXNet in multiples of 8 channels with ReLU6 only",
        "Han et al., arXiv:2007.00992; the authors' class ReXNetV1_lite",
        |spec| {
            let penultimate = if spec.width > 1.0 { (1280.0 * spec.width) as usize } else { 1280 };
            build(spec, penultimate, 1024)
        },
    )
};

pub(super) const DIGITS: Entry = Entry {
    width: 0.3,
    resolution: (32, 32),
    classes: 10,
    names_width: false,
    ..Entry::new(
        "rexnet_digits",
        "a small ReXNet-lite for 32x32 pictures of handwritten digits",
        "rexnet_lite_x0.3 with 256 and 128 channels in its head",
        |spec| build(spec, 256, 128),
    )
};

/// Blocks and stride of the first.
const STAGES: [(usize, usize); 6] = [(1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (5, 2)];

fn build(spec: &Spec, penultimate: usize, hidden: usize) -> Result<Network> {
    let mut net = Chain::new(spec)?;
    let mut features = Sequential::new("features");
    let (stem, channels) = channels(spec.width);
    net.enter(2);
    net.conv_norm_act(&mut features, conv(stem, 3, 2), Some(Relu6))?;
    let mut channels = channels.into_iter();
    for (index, (blocks, first_stride)) in STAGES.into_iter().enumerate() {
        for (i, oc) in channels.by_ref().take(blocks).enumerate() {
            let stride = if i == 0 { first_stride } else { 1 };
            let expansion = if index == 0 { 1 } else { 6 };
            bottleneck(&mut net, &features.name(), expansion, oc, spec.kernel_conf[index], stride)?;
        }
    }
    net.finish(spec, |net| {
        let mut output = Sequential::new("output");
        net.conv_norm_act(&mut features, conv(penultimate, 1, 1), Some(Relu6))?;
        net.add("avgpool", Op::Reduce(Reduction::Mean))?;
        net.conv_norm_act(&mut output, pointwise_with_bias(hidden), Some(Relu6))?;
        net.conv("output.4", pointwise_with_bias(spec.classes))
    })
}

/// Channels of the stem and of the 16 blocks. Below x1.0 the stem and the first block keep their width.
fn channels(width: f64) -> (usize, [usize; 16]) {
    let unscale = |c: f64| if width < 1.0 { c / width } else { c };
    let divisible = |c: f64| make_divisible(round(c * width) as f64, 8);
    let mut inplanes = unscale(16.0);
    let blocks = std::array::from_fn(|i| {
        if i > 0 {
            inplanes += 164.0 / 15.0; // step by step, as the source does: the rounding errors are part of the definition
        }
        divisible(inplanes)
    });
    (divisible(unscale(32.0)), blocks)
}

fn bottleneck(net: &mut Chain, name: &str, expansion: usize, oc: usize, kernel: usize, stride: usize) -> Result {
    net.enter(stride);
    let (input, ic) = (net.at, net.channels());
    let hidden = ic * expansion;
    let mut seq = Sequential::new(format!("{name}.out"));
    if expansion != 1 {
        net.conv_norm_act(&mut seq, conv(hidden, 1, 1), Some(Relu6))?;
    }
    net.conv_norm_act(&mut seq, depthwise(hidden, kernel, stride), Some(Relu6))?;
    net.conv_norm_act(&mut seq, conv(oc, 1, 1), None)?;
    if stride == 1 && ic <= oc { net.shortcut(name, input) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn channels_are_multiples_of_8() {
        let blocks = [16, 32, 40, 48, 64, 72, 80, 96, 104, 112, 128, 136, 144, 160, 168, 184];
        assert_eq!(super::channels(1.0), (32, blocks));
        assert_eq!(super::channels(0.35).1[0], 16);
    }
}
