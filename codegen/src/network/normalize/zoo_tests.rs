//! Normalises the zoo's networks: they must compute what their graphs do, and be fused as far as they can be.

use sartor_models::zoo::{self, Spec};
use sartor_models::{Activation, Network};

use super::normalize;
use super::tests::checked;
use crate::lab::testing::draw;
use crate::network::layers::{Binary, LayerOp, Normalized};

fn build(name: &str, head: bool) -> Network {
    name.parse::<Spec>().unwrap().with_head(head).build().unwrap()
}

fn normal(name: &str) -> Normalized {
    let network = build(name, true);
    normalize(&network, &draw::weights(&network)).unwrap()
}

fn check(network: &Network) {
    let layers = checked(network);
    let macs: u64 = layers.layers.iter().map(|layer| layer.macs).sum();
    assert_eq!(macs, network.macs(), "{}", network.name);
    if let Some(layer) = layers.layers.iter().find(|layer| layer.name.contains(".reorder") || layer.name.contains(".copy")) {
        panic!("{}: '{}' copies", network.name, layer.name);
    }
}

fn count(layers: &Normalized, which: impl Fn(&LayerOp) -> bool) -> usize {
    layers.layers.iter().filter(|layer| which(&layer.op)).count()
}

#[test]
fn every_family_agrees_with_its_graph() {
    for name in zoo::defaults() {
        check(&build(&format!("{name}@32x32"), true));
    }
}

#[test]
fn every_family_without_its_head_agrees_with_its_graph() {
    for entry in zoo::entries() {
        check(&build(&format!("{}@40x33", entry.defaults()[0]), false));
    }
}

#[test]
fn other_widths_agree_with_their_graphs() {
    for name in ["mobilenet_v2_x0.35@64x64", "rexnet_x1.3@64x32", "rexnet_lite_x1.3@33x32", "shufflenet_v1_g8_x0.5@64x64"] {
        check(&build(name, true));
    }
}

#[test]
fn mobilenet_v2_is_convolutions_and_one_mean() {
    let layers = normal("mobilenet_v2_x1.0");
    // The first convolution; 17 blocks of three, except that the first block does not expand; the last convolution; and the
    // classifier.
    assert_eq!(count(&layers, |op| matches!(op, LayerOp::Conv(_) | LayerOp::Depthwise(_))), 1 + 17 * 3 - 1 + 1 + 1);
    assert_eq!(count(&layers, |op| matches!(op, LayerOp::Reduce(_))), 1);
    assert_eq!(count(&layers, |op| matches!(op, LayerOp::Conv(conv) if conv.shortcut.is_some())), 10);
    assert_eq!(layers.layers.len(), 53 + 1);
    assert_eq!(layers.maps.len(), 55, "every layer writes a map of its own");
}

#[test]
fn rexnets_gates_apply_relu6() {
    let layers = normal("rexnet_x1.0");
    assert_eq!(count(&layers, |op| matches!(op, LayerOp::Activation(_) | LayerOp::Add(_))), 0);
    let scales = count(&layers, |op| matches!(op, LayerOp::Binary(_)));
    // Stages 3 to 6 have 2 + 3 + 3 + 5 blocks.
    assert_eq!(scales, 13);
    assert_eq!(count(&layers, |op| matches!(op, LayerOp::Binary(Binary { act: Some(Activation::Relu6), .. }))), scales);
    assert!(count(&layers, |op| matches!(op, LayerOp::Conv(conv) if conv.shortcut.is_some())) > 0);
}

#[test]
fn shufflenet_shuffles_and_concatenates_for_nothing() {
    let layers = normal("shufflenet_v1_g3_x1.0");
    assert_eq!(count(&layers, |op| matches!(op, LayerOp::Activation(_) | LayerOp::Add(_))), 0);
    assert_eq!(count(&layers, |op| matches!(op, LayerOp::Conv(conv) if conv.dst_lane > 0)), 3, "one for each stage's first unit");
    assert_eq!(count(&layers, |op| matches!(op, LayerOp::Conv(conv) if conv.shortcut.is_some())), 3 + 7 + 3);
    assert!(layers.layers.iter().all(|layer| !layer.name.contains(".reorder") && !layer.name.contains(".copy")));
}
