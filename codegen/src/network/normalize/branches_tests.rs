//! Sums of convolutions of one map become one convolution, and compute what they did.

use proptest::prelude::*;
use sartor_models::{Activation, Arithmetic, Builder, Conv2d, Network, NodeId, Op, Padding, Shape, Tensor, Weights, Window};

use super::normalize;
use super::tests::{Graph, checked};
use crate::network::layers::{LayerOp, Normalized};

fn windowed(g: &mut Graph, name: &str, (oc, groups): (usize, usize), window: Window, src: NodeId) -> NodeId {
    g.add(name, Op::Conv2d(Conv2d { oc, groups, bias: true, window }), &[src])
}

fn sum(g: &mut Graph, name: &str, a: NodeId, b: NodeId) -> NodeId {
    g.add(name, Op::Add, &[a, b])
}

/// RepVGG's block: 3x3, 1x1 and a batch norm of the map.
#[test]
fn branches_of_repvgg_are_one_convolution() {
    for (groups, stride) in [(1, 1), (2, 1), (4, 1), (1, 2)] {
        let mut g = Graph::new(3, 7, 6);
        let stem = g.conv("stem", 8, g.0.input());
        let stem = g.relu("stem.relu", stem);
        let x = windowed(&mut g, "dense", (8, groups), Window::square(3, stride, 1), stem);
        let x = g.bn("dense.bn", x);
        let y = windowed(&mut g, "point", (8, groups), Window::square(1, stride, 0), stem);
        let y = g.bn("point.bn", y);
        let mut x = sum(&mut g, "sum", x, y);
        if stride == 1 {
            let identity = g.bn("identity", stem);
            x = sum(&mut g, "sum2", identity, x);
        }
        let x = g.relu("relu", x);
        g.becomes(&[x], &["stem conv Relu", "dense conv Relu"]);
    }
}

/// MobileOne's block has several of each kind, in any order; RepViT's adds the map itself, and a batch norm behind the sum.
#[test]
fn depthwise_branches_are_one_convolution() {
    let mut g = Graph::new(3, 7, 6);
    let stem = g.conv("stem", 20, g.0.input());
    let stem = g.relu("stem.relu", stem);
    let scale = windowed(&mut g, "scale", (20, 20), Window::POINT, stem);
    let scale = g.bn("scale.bn", scale);
    let mut x = scale;
    for name in ["a", "b", "c"] {
        let y = g.depthwise(name, stem);
        let y = g.bn(&format!("{name}.bn"), y);
        x = sum(&mut g, &format!("{name}.sum"), x, y);
    }
    let x = sum(&mut g, "map", stem, x);
    let x = g.bn("bn", x);
    g.becomes(&[x], &["stem conv Relu", "a depthwise"]);
}

/// FastViT's mixer: a part of the map less its norm is added to the map.
#[test]
fn differences_are_branches_too() {
    for op in [Arithmetic::Sub, Arithmetic::SubFrom] {
        let mut g = Graph::new(3, 7, 6);
        let stem = g.conv("stem", 17, g.0.input());
        let norm = g.bn("norm", stem);
        let dw = g.depthwise("dw", stem);
        let x = g.add("difference", Op::Binary(op), &[dw, norm]);
        let x = g.bn("scale", x);
        let x = sum(&mut g, "sum", x, stem);
        g.becomes(&[x], &["stem conv", "dw depthwise"]);
    }
}

#[test]
fn the_taps_of_a_branch_may_lie_anywhere_in_the_window() {
    let uneven = |before, after| (Padding { before, after }, Padding::both(1));
    let three = Window::new((3, 3), (1, 1), uneven(2, 0));
    let two = Window::new((2, 3), (1, 1), uneven(1, 0));
    let wide = Window { dilation: (2, 2), ..Window::square(3, 1, 2) };
    let row = Window { dilation: (1, 2), ..Window::new((1, 3), (1, 1), (Padding::both(0), Padding::both(2))) };
    for (whole, part) in [(three, two), (wide, Window::POINT), (wide, row)] {
        for order in [[0, 1], [1, 0]] {
            let mut g = Graph::new(3, 7, 6);
            let stem = g.conv("stem", 6, g.0.input());
            let both = [("whole", whole), ("part", part)].map(|(name, window)| windowed(&mut g, name, (6, 2), window, stem));
            let x = sum(&mut g, "sum", both[order[0]], both[order[1]]);
            g.becomes(&[x], &["stem conv", "whole conv"]);
        }
    }
}

#[test]
fn what_would_take_more_products_or_is_not_linear_stays_apart() {
    let pair = |a: ((usize, usize), Window), b: ((usize, usize), Window), relu: bool| {
        let mut g = Graph::new(3, 7, 7);
        let stem = g.conv("stem", 6, g.0.input());
        let x = windowed(&mut g, "a", a.0, a.1, stem);
        let x = if relu { g.relu("relu", x) } else { x };
        let y = windowed(&mut g, "b", b.0, b.1, stem);
        let last = sum(&mut g, "sum", x, y);
        checked(&g.0.finish(&[last]).unwrap()).layers.len()
    };
    let square = |kernel, dilation| Window { dilation: (dilation, dilation), ..Window::square(kernel, 1, kernel / 2 * dilation) };
    let rows = Window::new((3, 1), (1, 1), (Padding::both(1), Padding::both(0)));
    let columns = Window::new((1, 3), (1, 1), (Padding::both(0), Padding::both(1)));
    for (a, b, relu, layers) in [
        // A dense point and a depthwise window would become a dense window.
        (((6, 1), square(1, 1)), ((6, 6), square(3, 1)), false, 3),
        (((6, 2), square(3, 1)), ((6, 3), square(3, 1)), false, 3),
        // A row and a column are not a square.
        (((6, 1), rows), ((6, 1), columns), false, 3),
        // Taps at other places.
        (((6, 1), square(3, 1)), ((6, 1), square(3, 2)), false, 3),
        (((6, 1), square(3, 1)), ((6, 1), square(1, 1)), true, 3),
        (((6, 1), square(3, 1)), ((6, 1), square(1, 1)), false, 2),
        (((6, 1), square(5, 1)), ((6, 3), square(3, 1)), false, 2),
    ] {
        assert_eq!(pair(a, b, relu), layers, "{a:?} and {b:?}");
    }
}

#[test]
fn a_branch_that_is_read_elsewhere_stays() {
    let mut g = Graph::new(3, 7, 6);
    let stem = g.conv("stem", 8, g.0.input());
    let a = g.conv("a", 8, stem);
    let b = g.conv("b", 8, stem);
    let both = sum(&mut g, "sum", a, b);
    let same = sum(&mut g, "twice", stem, stem);
    g.becomes(&[both, a, same], &["stem conv", "a conv", "b conv +shortcut", "twice add"]);
}

/// Each is finite; the sum is not.
#[test]
fn weights_whose_sum_is_too_large_stay_apart() {
    let network = {
        let mut g = Graph::new(1, 1, 1);
        let a = g.grouped("a", 1, 1, g.0.input());
        let b = g.grouped("b", 1, 1, g.0.input());
        let x = sum(&mut g, "sum", a, b);
        g.0.finish(&[x]).unwrap()
    };
    let with = |value: f32, allowed: bool| -> Normalized {
        let mut weights = Weights::default();
        for param in network.params() {
            weights.insert(param.name, Tensor::new(param.shape, vec![value]));
        }
        normalize(&network, &if allowed { weights.with_non_finite_allowed() } else { weights }).unwrap()
    };
    assert_eq!(with(1e37, false).layers.len(), 1);
    assert_eq!(with(1.5e38, false).layers.len(), 2);
    assert_eq!(with(f32::NAN, true).layers.len(), 2);
    for filter in with(1.5e38, false).filters.iter().flatten() {
        assert_eq!((&filter.weight[..], &filter.bias[..]), (&[1.5e38][..], &[1.5e38][..]));
    }
}

/// LayerNorm's factors, which a 1x1 convolution follows.
#[test]
fn a_norm_joins_the_convolution_behind_it() {
    let unpadded = Window::square(3, 2, 0);
    for (groups, window, joins) in
        [(1, Window::POINT, true), (2, unpadded, true), (6, unpadded, true), (1, Window::square(3, 1, 1), false)]
    {
        let mut g = Graph::new(3, 7, 6);
        let stem = g.conv("stem", 6, g.0.input());
        let stem = g.relu("relu", stem);
        let norm = g.bn("norm", stem);
        let norm = g.bn("norm2", norm);
        let conv = windowed(&mut g, "conv", (12, groups), window, norm);
        let conv = g.bn("bn", conv);
        let conv = g.relu("last", conv);
        let apart = ["stem conv Relu", "norm depthwise", "conv conv Relu"];
        g.becomes(&[conv], if joins { &["stem conv Relu", "conv conv Relu"] } else { &apart });
    }
    // The map without the norm is a branch too, and a norm that is read twice stays.
    let mut g = Graph::new(3, 7, 6);
    let stem = g.conv("stem", 6, g.0.input());
    let stem = g.relu("relu", stem);
    let norm = g.bn("norm", stem);
    let conv = windowed(&mut g, "conv", (6, 6), Window::POINT, norm);
    let x = sum(&mut g, "sum", conv, stem);
    g.becomes(&[x], &["stem conv Relu", "conv depthwise"]);
    let mut g = Graph::new(3, 7, 6);
    let stem = g.conv("stem", 6, g.0.input());
    let stem = g.relu("relu", stem);
    let norm = g.bn("norm", stem);
    let conv = g.conv("conv", 6, norm);
    let x = sum(&mut g, "sum", conv, norm);
    g.becomes(&[x], &["stem conv Relu", "norm depthwise", "conv conv +shortcut"]);
}

/// A window and how it is padded: one that gives as many outputs as there are inputs, or about half as many.
fn window() -> impl Strategy<Value = (Window, usize)> {
    let axis = || prop_oneof![2 => Just((0, 0)), 3 => Just((1, 1)), 1 => (0..3_usize, 0..3_usize)];
    (axis(), axis(), prop_oneof![5 => Just(1), 1 => Just(2)], 0..4_usize).prop_map(|(rows, columns, dilation, groups)| {
        let padded = |(before, after): (usize, usize)| Padding { before: before * dilation, after: after * dilation };
        let kernel = (rows.0 + rows.1 + 1, columns.0 + columns.1 + 1);
        let window = Window { dilation: (dilation, dilation), ..Window::new(kernel, (1, 1), (padded(rows), padded(columns))) };
        (window, [1, 2, 6, 6][groups])
    })
}

/// A sum of drawn branches, with batch norms and signs.
fn network() -> impl Strategy<Value = Network> {
    let branch = (window(), any::<bool>(), 0..3_u8);
    (prop::collection::vec(branch, 2..=5), 1..=2_usize, any::<bool>(), any::<bool>()).prop_map(
        |(branches, stride, last, first)| {
            let mut g = Graph(Builder::new("branches", Shape::new(3, 8, 9)).unwrap());
            let stem = g.conv("stem", 6, g.0.input());
            let mut x: Option<NodeId> = None;
            for (i, ((window, groups), norm, how)) in branches.into_iter().enumerate() {
                let window = Window { stride: (stride, stride), ..window };
                let normed = if first && window.kernel == (1, 1) { g.bn(&format!("norm{i}"), stem) } else { stem };
                let mut y = windowed(&mut g, &format!("conv{i}"), (6, groups), window, normed);
                if norm {
                    y = g.bn(&format!("bn{i}"), y);
                }
                let op = [Op::Add, Op::Binary(Arithmetic::Sub), Op::Binary(Arithmetic::SubFrom)][usize::from(how)];
                x = Some(x.map_or(y, |x| g.add(&format!("sum{i}"), op, &[x, y])));
            }
            let mut x = x.expect("there are branches");
            if last && stride == 1 {
                x = sum(&mut g, "map", x, stem);
            }
            x = g.bn("bn", x);
            let x = g.add("act", Op::Activation(Activation::Silu), &[x]);
            g.0.finish(&[x]).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn drawn_branches_compute_what_they_did(network in network()) {
        let layers = checked(&network);
        let macs: u64 = layers.layers.iter().map(|layer| layer.macs).sum();
        prop_assert!(macs <= network.macs());
    }
}

/// The property above is only worth something if its branches join.
#[test]
fn drawn_branches_join() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut dense, mut depthwise) = (0, 0);
    for _ in 0..500 {
        let network = network().new_tree(&mut runner).unwrap().current();
        let convs = network.nodes().iter().filter(|node| matches!(node.op, Op::Conv2d(_))).count();
        let layers = &normalize(&network, &crate::lab::testing::draw::weights(&network)).unwrap().layers;
        let found = |wanted: fn(&LayerOp) -> bool| layers.iter().filter(|layer| wanted(&layer.op)).count();
        let kinds = [found(|op| matches!(op, LayerOp::Conv(_))), found(|op| matches!(op, LayerOp::Depthwise(_)))];
        if kinds[0] + kinds[1] < convs {
            if kinds[0] > 1 { dense += 1 } else { depthwise += 1 }
        }
    }
    assert!(dense > 50 && depthwise > 20, "{dense} and {depthwise} of 500");
}
