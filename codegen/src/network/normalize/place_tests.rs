//! Operands of concatenations in panels of their own, and layers that read or write some panels of a map.

use proptest::prelude::*;
use sartor_models::{Activation, Arithmetic, Builder, Conv2d, Network, NodeId, Op, Reduction, Shape, Window};

use super::tests::{Graph, checked};
use crate::network::layers::{LayerOp, Normalized};

/// GhostNet's unit: a convolution, and a depthwise one of it, side by side.
fn ghost(g: &mut Graph, name: &str, c: usize, src: NodeId, act: bool) -> NodeId {
    let mut x = g.conv(&format!("{name}.primary"), c, src);
    if act {
        x = g.relu(&format!("{name}.relu"), x);
    }
    let mut y = g.depthwise(&format!("{name}.cheap"), x);
    if act {
        y = g.relu(&format!("{name}.relu2"), y);
    }
    g.add(&format!("{name}.concat"), Op::Concat, &[x, y])
}

fn copies(layers: &Normalized) -> Vec<&str> {
    let moves = layers.layers.iter().filter(|layer| matches!(layer.op, LayerOp::Move(_)));
    moves.map(|layer| layer.name.as_str()).collect()
}

#[test]
fn ghost_units_write_their_concatenation_side_by_side() {
    for c in [12, 16, 20, 36] {
        let mut g = Graph::new(3, 7, 6);
        let stem = g.conv("stem", 2 * c, g.0.input());
        let x = ghost(&mut g, "first", c, stem, true);
        let x = g.depthwise("dw", x);
        // A gate has its results in the lanes that it scales.
        let mean = g.add("mean", Op::Reduce(Reduction::Mean), &[x]);
        let gate = g.conv("gate", 2 * c, mean);
        let gate = g.add("sigmoid", Op::Activation(Activation::Sigmoid), &[gate]);
        let x = g.add("scale", Op::Binary(Arithmetic::Mul), &[x, gate]);
        let x = ghost(&mut g, "second", c, x, false);
        // A convolution that takes the sum has its results in the lanes of what it adds.
        let shortcut = g.conv("shortcut", 2 * c, stem);
        let x = g.add("add", Op::Add, &[x, shortcut]);
        let y = ghost(&mut g, "third", c, x, false);
        let x = g.add("add2", Op::Add, &[y, x]);
        let last = g.conv("last", 5, x);
        let layers = checked(&g.0.finish(&[last]).unwrap());
        assert_eq!(copies(&layers), [""; 0], "{c}");
        let in_place = layers.layers.iter().filter(|layer| layer.sources()[0] == layer.dst()).count();
        assert_eq!(in_place, 3, "{c}");
    }
}

#[test]
fn gaps_are_not_made_where_they_would_be_copied_away() {
    // An output is read channel by channel.
    let mut g = Graph::new(3, 7, 6);
    let stem = g.conv("stem", 24, g.0.input());
    let x = ghost(&mut g, "ghost", 12, stem, true);
    let layers = checked(&g.0.finish(&[x]).unwrap());
    assert_eq!(copies(&layers), ["ghost.concat.copy0", "ghost.concat.copy1"]);
    // Another map of as many channels has no gaps.
    let mut g = Graph::new(3, 7, 6);
    let stem = g.conv("stem", 24, g.0.input());
    let x = ghost(&mut g, "ghost", 12, stem, true);
    let x = g.add("add", Op::Add, &[x, stem]);
    let x = g.conv("last", 5, x);
    let layers = checked(&g.0.finish(&[x]).unwrap());
    assert_eq!(copies(&layers), ["ghost.concat.copy0", "ghost.concat.copy1"]);
    // Four channels of each would be sixteen lanes of each.
    let mut g = Graph::new(3, 7, 6);
    let stem = g.conv("stem", 8, g.0.input());
    let parts: Vec<NodeId> = (0..4).map(|i| g.conv(&format!("part{i}"), 4, stem)).collect();
    let parts: Vec<NodeId> = parts.into_iter().enumerate().map(|(i, part)| g.depthwise(&format!("dw{i}"), part)).collect();
    let x = g.add("concat", Op::Concat, &parts);
    let x = g.conv("last", 5, x);
    let layers = checked(&g.0.finish(&[x]).unwrap());
    assert_eq!(copies(&layers), ["concat.copy1", "concat.copy2", "concat.copy3"]);
}

/// Several windows side by side, as MixNet has them.
#[test]
fn windows_of_several_sizes_read_and_write_panels() {
    let mut g = Graph::new(3, 9, 8);
    let stem = g.conv("stem", 48, g.0.input());
    let windows = [3, 5, 7].into_iter().enumerate().map(|(i, kernel)| {
        let part = g.add(&format!("part{i}"), Op::Slice { begin: 16 * i, len: 16 }, &[stem]);
        let conv = Conv2d { oc: 16, groups: 16, bias: true, window: Window::square(kernel, 1, kernel / 2) };
        g.add(&format!("dw{i}"), Op::Conv2d(conv), &[part])
    });
    let windows: Vec<NodeId> = windows.collect();
    let x = g.add("concat", Op::Concat, &windows);
    let x = g.conv("last", 5, x);
    g.becomes(&[x], &["stem conv", "dw0 depthwise", "dw1 depthwise", "dw2 depthwise", "last conv"]);
}

/// Units of several kinds, one after another.
fn network() -> impl Strategy<Value = Network> {
    let unit = (0..7_u8, 1..40_usize, 1..4_usize, any::<bool>());
    (prop::collection::vec(unit, 1..7), 1..40_usize).prop_map(|(units, c)| {
        let mut g = Graph(Builder::new("gaps", Shape::new(2, 5, 6)).unwrap());
        let mut x = g.conv("stem", c, g.0.input());
        let mut same: Vec<NodeId> = Vec::new();
        for (i, (kind, c, parts, act)) in units.into_iter().enumerate() {
            let name = format!("n{i}");
            let before = x;
            x = match kind {
                0 | 1 => ghost(&mut g, &name, c, x, act),
                2 => {
                    let parts: Vec<NodeId> = (0..=parts).map(|j| g.conv(&format!("{name}.{j}"), c, x)).collect();
                    let one = |(j, part): (usize, NodeId)| match (j + c) % 3 {
                        0 => g.depthwise(&format!("{name}.{j}.dw"), part),
                        1 => g.pool(&format!("{name}.{j}.pool"), part),
                        _ => g.relu(&format!("{name}.{j}.relu"), part),
                    };
                    let parts: Vec<NodeId> = parts.into_iter().enumerate().map(one).collect();
                    g.add(&name, Op::Concat, &parts)
                }
                3 => {
                    let mean = g.add(&format!("{name}.mean"), Op::Reduce(Reduction::Mean), &[x]);
                    let c = g.0.shape(x).c;
                    let gate = g.conv(&format!("{name}.gate"), c, mean);
                    let gate = g.add(&format!("{name}.sigmoid"), Op::Activation(Activation::Sigmoid), &[gate]);
                    let op = if act { Op::Binary(Arithmetic::Mul) } else { Op::Binary(Arithmetic::Add) };
                    g.add(&name, op, &[x, gate])
                }
                4 => {
                    let c = g.0.shape(x).c;
                    let conv = g.conv(&format!("{name}.conv"), c, before);
                    g.add(&name, Op::Add, &[x, conv])
                }
                5 => {
                    let y = g.depthwise(&format!("{name}.dw"), x);
                    if act { g.add(&name, Op::Activation(Activation::Sigmoid), &[y]) } else { y }
                }
                _ => {
                    let len = g.0.shape(x).c.div_ceil(parts);
                    let part = g.add(&format!("{name}.part"), Op::Slice { begin: g.0.shape(x).c - len, len }, &[x]);
                    g.depthwise(&name, part)
                }
            };
            match same.iter().rev().find(|&&other| g.0.shape(other) == g.0.shape(x) && other != x) {
                Some(&other) if act => x = g.add(&format!("{name}.sum"), Op::Add, &[x, other]),
                _ => {}
            }
            same.push(x);
        }
        let last = g.conv("last", 3, x);
        g.0.finish(&[last]).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn drawn_units_compute_what_their_graphs_do(network in network()) {
        checked(&network);
    }
}

/// The property above is only worth something if its networks have gaps, and layers that read or write some panels.
#[test]
fn drawn_units_have_gaps_and_share_maps() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut gaps, mut parts, mut in_place) = (0, 0, 0);
    for _ in 0..300 {
        let network = network().new_tree(&mut runner).unwrap().current();
        let layers = super::normalize(&network, &crate::lab::testing::draw::weights(&network)).unwrap();
        for layer in &layers.layers {
            let value = layer.value.as_ref().unwrap();
            gaps += usize::from(value.lanes.windows(2).any(|pair| pair[1] > pair[0] + 1));
            in_place += usize::from(layer.sources().contains(&layer.dst()));
            if let LayerOp::Depthwise(op) = &layer.op {
                parts += usize::from(op.src_lane > 0);
            }
        }
    }
    assert!(gaps > 100 && parts > 4 && in_place > 50, "{gaps} gaps, {parts} parts, {in_place} in place");
}
