//! ReXNet (plain): MobileNetV1 with channels linear in the block index.

use super::chain::{Chain, Result, conv, round};
use super::mobilenet_v1::{separable, stem};
use super::{Entry, Spec};
use crate::graph::{Activation::Silu, Network, Op, Reduction};

pub(super) const ENTRY: Entry = Entry::new(
    "rexnet_plain",
    "MobileNetV1 with channels linear in the block index and SiLU",
    "Han et al., arXiv:2007.00992, with our own slope and offset",
    |spec| build(spec, SLOPE, OFFSET),
);

/// Block `i` of 1 to 13 has `SLOPE * i + OFFSET` channels.
///
/// The paper gives only the cost: 3.4 M parameters and 0.6 G multiply-accumulates. Of all pairs of whole numbers, this one comes
/// nearest, by the sum of the squared relative errors. A test repeats the search.
const SLOPE: f64 = 38.0;
const OFFSET: f64 = 91.0;

/// Strides of the blocks, MobileNetV1's.
const STRIDES: [usize; 13] = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1];

fn build(spec: &Spec, slope: f64, offset: f64) -> Result<Network> {
    let mut net = Chain::new(spec)?;
    stem(&mut net, round(32.0 * spec.width), Silu)?;
    for (i, stride) in STRIDES.into_iter().enumerate() {
        let channels = slope * (i + 1) as f64 + offset;
        separable(&mut net, &format!("blocks.{i}"), round(channels * spec.width), stride, Silu)?;
    }
    net.finish(spec, |net| {
        net.conv("conv_head", conv(round(1024.0 * spec.width), 1, 1))?;
        net.norm("bn2")?;
        net.act("act2", Silu)?;
        net.add("global_pool", Op::Reduce(Reduction::Mean))?;
        net.add("classifier", Op::Linear { out: spec.classes, bias: true })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slope_and_offset_come_nearest_to_the_papers_cost() {
        let spec: Spec = "rexnet_plain".parse().unwrap();
        let distance = |slope: i32, offset: i32| {
            let net = build(&spec, slope.into(), offset.into()).ok()?;
            let (params, macs) = (net.param_count() as f64 / 3.4e6, net.macs() as f64 / 0.6e9);
            Some((params - 1.0).powi(2) + (macs - 1.0).powi(2))
        };
        let pairs = (1..80).flat_map(|slope| (-60..160).map(move |offset| (slope, offset)));
        let nearest = pairs
            .filter_map(|(slope, offset)| Some((distance(slope, offset)?, slope, offset)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap();
        assert_eq!((f64::from(nearest.1), f64::from(nearest.2)), (SLOPE, OFFSET), "{nearest:?}");
    }
}
