//! ShuffleNet V1: grouped 1x1 convolutions with a channel shuffle between them.
//!
//! There are two forms, and checkpoints of one do not fit the other. The paper's form has batch norm and ReLU after the stem, a
//! first 1x1 convolution without groups in stage 2, and no biases before batch norms. The published class (`_seed`) has neither
//! of the first two; it has biases in the stem and in the depthwise and the expanding convolutions, and a log-softmax at the end.

use super::chain::{Chain, Result, conv, depthwise, make_divisible};
use super::{Entry, Spec};
use crate::graph::{Activation::Relu, Conv2d, Network, Op, Reduction, Window};

pub(super) const PAPER: Entry = Entry {
    groups: &GROUPS,
    default_groups: 3,
    ..Entry::new("shufflenet_v1", "grouped 1x1 convolutions and channel shuffles", "Zhang et al., arXiv:1707.01083", |spec| {
        build(spec, Form::Paper)
    })
};

pub(super) const SEED: Entry = Entry {
    groups: &GROUPS,
    default_groups: 3,
    names_width: false,
    ..Entry::new(
        "shufflenet_v1_seed",
        "ShuffleNet V1 as a widely copied PyTorch class has it: no norm after the stem, log-softmax",
        "the class ShuffleNet with pointwise_group_conv_compress, depthwise_conv and pointwise_group_conv_expand",
        |spec| build(spec, Form::Seed),
    )
};

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Paper,
    Seed,
}

const GROUPS: [usize; 5] = [1, 2, 3, 4, 8];
/// Output channels of stage 2 for each of [`GROUPS`]; each later stage doubles them.
const STAGE2: [usize; 5] = [144, 200, 240, 272, 384];
/// Units of the stages 2, 3 and 4.
const UNITS: [usize; 3] = [4, 8, 4];

fn build(spec: &Spec, form: Form) -> Result<Network> {
    let biased = |conv| Conv2d { bias: form == Form::Seed, ..conv };
    let groups = spec.groups;
    let scale = |channels: usize, divisor| make_divisible(channels as f64 * spec.width, divisor);
    let stage2 = GROUPS.iter().zip(STAGE2).find(|(g, _)| **g == groups).map_or(0, |(_, channels)| channels);
    let halve = Window::square(3, 2, 1);

    let mut net = Chain::new(spec)?;
    net.enter(2);
    // The first unit's grouped convolution makes the stage's channels less those of the stem. So the groups must divide the
    // stem's channels too.
    net.conv("stage1.0", biased(conv(scale(24, groups), 3, 2)))?;
    if form == Form::Paper {
        net.norm("stage1.bn")?;
        net.act("stage1.relu", Relu)?;
    }
    net.enter(2);
    net.add("stage1.1", Op::MaxPool(halve))?;
    for (index, units) in UNITS.into_iter().enumerate() {
        let oc = scale(stage2 << index, 4 * groups);
        let stage = index + 2;
        for i in 0..units {
            let name = format!("stage{stage}.ShuffleUnit_Stage{stage}_{i}");
            let grouped = form == Form::Seed || (index, i) != (0, 0);
            net.enter(if i == 0 { 2 } else { 1 });
            let input = net.at;
            // Each stage doubles the channels after rounding, so that the branch of its first unit has channels at every width.
            let branch = if i == 0 { oc - net.channels() } else { oc };
            let compress = Conv2d { groups: if grouped { groups } else { 1 }, ..conv(oc / 4, 1, 1) };
            let expand = Conv2d { groups, ..conv(branch, 1, 1) };
            net.conv(format!("{name}.pointwise_group_conv_compress.conv"), compress)?;
            net.norm(format!("{name}.pointwise_group_conv_compress.bn"))?;
            net.act(format!("{name}.pointwise_group_conv_compress.relu"), Relu)?;
            net.add(format!("{name}.channel_shuffle"), Op::ChannelShuffle { groups })?;
            net.conv(format!("{name}.depthwise_conv.0"), biased(depthwise(oc / 4, 3, if i == 0 { 2 } else { 1 })))?;
            net.norm(format!("{name}.depthwise_conv.1"))?;
            net.conv(format!("{name}.pointwise_group_conv_expand.0"), biased(expand))?;
            net.norm(format!("{name}.pointwise_group_conv_expand.1"))?;
            let out = net.at;
            if i == 0 {
                net.join(format!("{name}.avg_pool"), Op::avg_pool(halve), &[input])?;
                net.join(format!("{name}.cat"), Op::Concat, &[net.at, out])?;
            } else {
                net.join(format!("{name}.add"), Op::Add, &[input, out])?;
            }
            net.act(format!("{name}.relu"), Relu)?;
        }
    }
    net.finish(spec, |net| {
        net.add("avg_pool", Op::Reduce(Reduction::Mean))?;
        net.add("fc", Op::Linear { out: spec.classes, bias: true })?;
        if form == Form::Seed { net.add("log_softmax", Op::Softmax { log: true }) } else { Ok(()) }
    })
}
