use proptest::prelude::*;
use sartor_kernels::runtime::Level;
use sartor_models::{Network, zoo};

use super::{Options, plan};
use crate::interpret;
use crate::normalize::normalize;
use crate::pack::pack;
use crate::testing::{draw, network, noise};

/// Rounding of f32 through the few dozen layers of a network, relative to the largest output.
const TOLERANCE: f64 = 1e-4;

/// Interprets a network's plan and compares its outputs with the network's, evaluated in f64.
fn check(network: &Network, options: &Options, threads: usize) {
    let weights = draw::weights(network);
    let layers = normalize(network, &weights).unwrap();
    let packed = pack(&layers);
    let plan = plan(&layers, &packed, options.clone()).unwrap();
    let len = network.input_shape().len();
    let input: Vec<f64> = noise(11).take(len * options.batch).map(|x| f64::from(x as f32)).collect();
    let images: Vec<f32> = input.iter().map(|&x| x as f32).collect();
    let (_, output) = interpret::plan(&plan, &packed.data, &images, threads);
    for (image, values) in input.chunks(len).enumerate() {
        let expected = network::evaluate(network, &weights, values);
        let mut at = 0;
        for &id in network.outputs() {
            let want = &expected[id.0];
            let got = &output[at + image * want.len()..][..want.len()];
            at += options.batch * want.len();
            let scale = want.iter().fold(1e-3, |m: f64, x| m.max(x.abs()));
            for (i, (&got, want)) in got.iter().zip(want).enumerate() {
                assert!(
                    (f64::from(got) - want).abs() <= TOLERANCE * scale,
                    "{} image {image} at {i}: {got}, not {want}, of up to {scale} ({options:?}, {threads} threads)",
                    network.node(id).name
                );
            }
        }
    }
}

#[test]
fn zoo_networks_are_planned_right_at_every_level() {
    for name in zoo::defaults() {
        let family = name.parse::<zoo::Spec>().unwrap();
        let network = family.with_resolution(32, 48).with_classes(10).build().unwrap();
        for level in Level::ALL {
            check(&network, &Options::new(level), 1);
        }
    }
}

proptest! {
    #[test]
    fn drawn_networks_are_planned_right(
        network in draw::network(),
        level in 0..4usize,
        batch in 1..4usize,
        threads in 1..4usize,
        fuse: bool,
        l2 in prop_oneof![Just(1 << 12), Just(1 << 20)],
    ) {
        check(&network, &Options { batch, l2, fuse, ..Options::new(Level::ALL[level]) }, threads);
    }
}
