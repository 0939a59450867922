use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sartor_models::weights::Problem;
use sartor_models::{
    Activation, Arithmetic, Builder, Conv2d, DepthOrder, Network, NodeId, Op, Rearrange, Reduction, Shape, Tensor, Weights,
    Window,
};

use super::fuse::{self, Fused};
use super::{NormalizeError, normalize};
use crate::lab::testing::{draw, layers, network, noise};
use crate::layout::MapId;
use crate::network::layers::{Activate, Add, Layer, LayerId, LayerOp, Normalized, PoolKind, Value};

/// Folding rounds each weight and bias once, which changes it by at most 2^-24 of its value. The few dozen layers of a network
/// add these errors up and amplify them.
const TOLERANCE: f64 = 2e-5;

/// Normalises a network with drawn weights. Compares the value of every layer and of every output with the network's.
pub(super) fn checked(network: &Network) -> Normalized {
    let weights = draw::weights(network);
    let normal = normalize(network, &weights).unwrap();
    let input: Vec<f64> = noise(7).take(network.input_shape().len()).collect();
    let expected = network::evaluate(network, &weights, &input);
    if network::exceeds_f32(&expected) {
        return normal;
    }
    let maps = layers::evaluate(&normal, &input);
    let pieces = normal.outputs.iter().flat_map(|output| &output.pieces).map(|piece| ("output", &piece.value));
    for (name, value) in normal.layers.iter().filter_map(|layer| Some((layer.name.as_str(), layer.value.as_ref()?))).chain(pieces)
    {
        let want = &expected[value.node.0];
        let got = maps[value.map.0].channels(value);
        assert_eq!(got.len(), want.len(), "layer '{name}'");
        let scale = want.iter().fold(1e-3, |m: f64, x| m.max(x.abs()));
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((got - want).abs() <= TOLERANCE * scale, "layer '{name}' at {i}: {got}, not {want}, of up to {scale}");
        }
    }
    assert_eq!(normal.outputs.len(), network.outputs().len());
    for (output, &id) in normal.outputs.iter().zip(network.outputs()) {
        let whole = |value: &Value| value.lanes.iter().copied().eq(0..normal[value.map].c);
        assert!(output.pieces.iter().all(|piece| whole(&piece.value)));
        let want = &expected[id.0];
        let scale = want.iter().fold(1e-3, |m: f64, x| m.max(x.abs()));
        let got = layers::output(&normal, &maps, output);
        assert_eq!(got.len(), want.len());
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((got - want).abs() <= TOLERANCE * scale, "output {} at {i}: {got}, not {want}", id.0);
        }
    }
    normal
}

/// A layer in one line.
fn line(layer: &Layer) -> String {
    let mut words = vec![layer.name.clone()];
    let act = match &layer.op {
        LayerOp::Conv(conv) => {
            words.push("conv".into());
            if conv.dst_lane > 0 {
                words.push(format!("@{}", conv.dst_lane));
            }
            words.extend(conv.act.map(|act| format!("{act:?}")));
            words.extend(conv.shortcut.map(|_| "+shortcut".into()));
            conv.post_act
        }
        LayerOp::IntoTiles(_) | LayerOp::FromTiles(_) => unreachable!("normalizing makes none"),
        LayerOp::Depthwise(depthwise) => {
            words.push("depthwise".into());
            depthwise.act
        }
        LayerOp::Pool(pool) => {
            words.push(if pool.kind == PoolKind::Max { "Max" } else { "Average" }.into());
            pool.act
        }
        LayerOp::Reduce(reduce) => {
            words.push(reduce.reduction.word().into());
            None
        }
        LayerOp::Binary(binary) => {
            words.push(binary.word());
            binary.act
        }
        LayerOp::Rearrange(op) => {
            words.push(op.how.word().into());
            None
        }
        LayerOp::Constant(_) => {
            words.push("constant".into());
            None
        }
        LayerOp::Softmax(op) => {
            words.push(if op.log { "logsoftmax" } else { "softmax" }.into());
            None
        }
        LayerOp::Move(op) => {
            words.push(format!("move{}", op.digits));
            words.extend((op.dst_lane > 0).then(|| format!("@{}", op.dst_lane)));
            None
        }
        LayerOp::Add(Add { act, .. }) => {
            words.push("add".into());
            *act
        }
        LayerOp::Activation(Activate { act, .. }) => {
            words.push("activation".into());
            Some(*act)
        }
    };
    words.extend(act.map(|act| format!("{act:?}")));
    words.join(" ")
}

/// A network under construction whose nodes have the names given.
pub(super) struct Graph(pub Builder);

impl Graph {
    pub(super) fn new(c: usize, h: usize, w: usize) -> Self {
        Self(Builder::new("graph", Shape::new(c, h, w)).unwrap())
    }

    pub(super) fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        self.0.add(name, op, inputs).unwrap()
    }

    pub(super) fn conv(&mut self, name: &str, oc: usize, src: NodeId) -> NodeId {
        self.grouped(name, oc, 1, src)
    }

    pub(super) fn grouped(&mut self, name: &str, oc: usize, groups: usize, src: NodeId) -> NodeId {
        let conv = Conv2d { oc, groups, bias: true, window: Window::POINT };
        self.add(name, Op::Conv2d(conv), &[src])
    }

    /// Adds a 3x3 depthwise convolution.
    pub(super) fn depthwise(&mut self, name: &str, src: NodeId) -> NodeId {
        let c = self.0.shape(src).c;
        let conv = Conv2d { oc: c, groups: c, bias: false, window: Window::square(3, 1, 1) };
        self.add(name, Op::Conv2d(conv), &[src])
    }

    /// Adds a 3x3 average pooling.
    pub(super) fn pool(&mut self, name: &str, src: NodeId) -> NodeId {
        self.add(name, Op::avg_pool(Window::square(3, 1, 1)), &[src])
    }

    pub(super) fn bn(&mut self, name: &str, src: NodeId) -> NodeId {
        self.add(name, Op::BatchNorm { eps: 1e-5 }, &[src])
    }

    fn act(&mut self, name: &str, act: Activation, src: NodeId) -> NodeId {
        self.add(name, Op::Activation(act), &[src])
    }

    pub(super) fn relu(&mut self, name: &str, src: NodeId) -> NodeId {
        self.act(name, Activation::Relu, src)
    }

    fn shuffle(&mut self, name: &str, groups: usize, src: NodeId) -> NodeId {
        self.add(name, Op::ChannelShuffle { groups }, &[src])
    }

    fn finish(self, outputs: &[NodeId]) -> Network {
        self.0.finish(outputs).unwrap()
    }

    /// Asserts that the layers compute what the network does, and that they are the ones listed.
    pub(super) fn becomes(self, outputs: &[NodeId], lines: &[&str]) -> Normalized {
        let layers = checked(&self.finish(outputs));
        assert_eq!(layers.layers.iter().map(line).collect::<Vec<_>>(), lines);
        layers
    }
}

#[test]
fn batch_norms_and_activations_join_the_convolution_before_them() {
    let mut g = Graph::new(3, 5, 4);
    let x = g.conv("conv", 8, g.0.input());
    let x = g.bn("bn", x);
    let x = g.bn("bn2", x);
    let x = g.act("silu", Activation::Silu, x);
    let x = g.depthwise("dw", x);
    let x = g.bn("dw.bn", x);
    let x = g.relu("relu", x);
    let x = g.add("mean", Op::Reduce(Reduction::Mean), &[x]);
    let x = g.add("fc", Op::Linear { out: 5, bias: true }, &[x]);
    let x = g.bn("fc.bn", x);
    g.becomes(&[x], &["conv conv Silu", "dw depthwise Relu", "mean mean", "fc conv"]);
}

#[test]
fn a_batch_norm_that_no_convolution_can_take_is_depthwise() {
    let mut g = Graph::new(3, 4, 4);
    let read_twice = g.conv("conv", 8, g.0.input());
    let bn = g.bn("bn", read_twice);
    let bn = g.relu("relu", bn);
    let sum = g.add("add", Op::Add, &[bn, read_twice]);
    let after_sum = g.bn("after_sum", sum);
    g.becomes(&[after_sum], &["conv conv", "bn depthwise Relu", "add add", "after_sum depthwise"]);
}

#[test]
fn a_batch_norm_after_an_activation_or_a_sum_is_not_folded() {
    let mut g = Graph::new(3, 4, 4);
    let stem = g.conv("stem", 8, g.0.input());
    let relu = g.relu("relu", stem);
    let bn = g.bn("bn", relu);
    let conv = g.conv("conv", 8, bn);
    let sum = g.add("add", Op::Add, &[conv, bn]);
    let last = g.bn("last", sum);
    g.becomes(&[last], &["stem conv Relu", "bn depthwise", "conv conv +shortcut", "last depthwise"]);
}

#[test]
fn a_batch_norm_of_the_input_reads_a_copy() {
    let mut g = Graph::new(3, 4, 4);
    let x = g.bn("bn", g.0.input());
    g.becomes(&[x], &["input.reorder conv", "bn depthwise"]);
}

#[test]
fn depthwise_means_one_output_a_channel() {
    let mut g = Graph::new(4, 4, 4);
    let x = g.conv("stem", 6, g.0.input());
    let x = g.grouped("multiplier", 12, 6, x);
    let x = g.grouped("depthwise", 12, 12, x);
    let x = g.conv("one", 1, x);
    let x = g.grouped("single", 1, 1, x);
    g.becomes(&[x], &["stem conv", "multiplier conv", "depthwise depthwise", "one conv", "single conv"]);
}

#[test]
fn a_convolution_takes_the_sum_and_the_activation_after_it() {
    let mut g = Graph::new(3, 4, 4);
    let stem = g.conv("stem", 20, g.0.input());
    let conv = g.conv("conv", 20, stem);
    let conv = g.act("silu", Activation::Silu, conv);
    let sum = g.add("add", Op::Add, &[conv, stem]);
    let relu = g.relu("relu", sum);
    g.becomes(&[relu], &["stem conv", "conv conv Silu +shortcut Relu"]);
}

#[test]
fn a_partial_sum_joins_only_the_larger_operand() {
    let mut g = Graph::new(3, 4, 4);
    let stem = g.conv("stem", 17, g.0.input());
    let wider = g.conv("wider", 27, stem);
    let wide = g.add("add", Op::Add, &[wider, stem]);
    let narrower = g.conv("narrower", 5, wide);
    let dw = g.depthwise("dw", wide);
    let last = g.add("last", Op::Add, &[dw, narrower]);
    g.becomes(&[last], &["stem conv", "wider conv +shortcut", "narrower conv", "dw depthwise", "last add"]);
}

#[test]
fn the_second_operand_takes_a_sum_of_equal_channels() {
    let mut g = Graph::new(3, 4, 4);
    let stem = g.conv("stem", 8, g.0.input());
    let conv = g.conv("conv", 8, stem);
    let sum = g.add("add", Op::Add, &[stem, conv]);
    let left = g.conv("left", 8, sum);
    let other = g.relu("relu", sum);
    let right = g.conv("right", 8, other);
    let both = g.add("both", Op::Add, &[left, right]);
    g.becomes(&[both], &["stem conv", "conv conv +shortcut", "left conv", "relu activation Relu", "right conv +shortcut"]);
}

#[test]
fn a_convolution_waits_for_the_sum_it_takes() {
    let mut g = Graph::new(3, 4, 4);
    let conv = g.conv("conv", 8, g.0.input());
    let other = g.conv("other", 8, g.0.input());
    let dw = g.depthwise("dw", other);
    let sum = g.add("add", Op::Add, &[conv, dw]);
    g.becomes(&[sum], &["other conv", "dw depthwise", "conv conv +shortcut"]);
}

#[test]
fn a_value_added_to_itself_or_to_the_input_is_right() {
    let mut g = Graph::new(3, 4, 4);
    let conv = g.conv("conv", 3, g.0.input());
    let double = g.add("double", Op::Add, &[conv, conv]);
    let last = g.conv("last", 3, double);
    let sum = g.add("add", Op::Add, &[last, g.0.input()]);
    g.becomes(&[sum], &["conv conv", "double add", "input.reorder conv", "last conv +shortcut"]);
}

#[test]
fn the_gate_stands_between_batch_norm_and_relu6() {
    let mut g = Graph::new(3, 6, 6);
    let x = g.conv("stem", 24, g.0.input());
    let dw = g.depthwise("dw", x);
    let dw = g.bn("dw.bn", dw);
    let se = g.add("se.mean", Op::Reduce(Reduction::Mean), &[dw]);
    let se = g.conv("se.down", 2, se);
    let se = g.bn("se.bn", se);
    let se = g.relu("se.relu", se);
    let se = g.conv("se.up", 24, se);
    let se = g.act("se.sigmoid", Activation::Sigmoid, se);
    let x = g.add("se.mul", Op::Binary(Arithmetic::Mul), &[dw, se]);
    let x = g.act("relu6", Activation::Relu6, x);
    let x = g.conv("project", 12, x);
    g.becomes(
        &[x],
        &[
            "stem conv",
            "dw depthwise",
            "se.mean mean",
            "se.down conv Relu",
            "se.up conv Sigmoid",
            "se.mul scale Relu6",
            "project conv",
        ],
    );
}

/// Lanes of the operands agree, or one channel meets all lanes; the sum of two whole maps joins the convolution before it.
#[test]
fn arithmetic_takes_the_activation_after_it() {
    let mut g = Graph::new(3, 4, 4);
    let x = g.conv("x", 20, g.0.input());
    let shuffled = g.shuffle("shuffle", 5, x);
    let one = g.conv("one", 1, g.0.input());
    let less = g.add("less", Op::Binary(Arithmetic::Sub), &[shuffled, one]);
    let less = g.act("hs", Activation::HardSwish, less);
    let max = g.add("max", Op::Binary(Arithmetic::Max), &[less, shuffled]);
    let mean = g.add("mean", Op::Reduce(Reduction::Mean), &[one]);
    let share = g.act("share", Activation::Sigmoid, mean);
    let div = g.add("div", Op::Binary(Arithmetic::Div), &[max, share]);
    let last = g.conv("last", 20, div);
    let sum = g.add("sum", Op::Binary(Arithmetic::Add), &[last, x]);
    g.becomes(
        &[sum],
        &[
            "x conv",
            "one conv",
            "less subpixel HardSwish",
            "max maximummap",
            "mean mean",
            "share activation Sigmoid",
            "div divone",
            "last conv +shortcut",
        ],
    );
}

#[test]
fn a_shuffle_permutes_lanes_and_costs_nothing() {
    let mut g = Graph::new(3, 5, 5);
    let x = g.conv("stem", 12, g.0.input());
    let x = g.grouped("group", 24, 3, x);
    let x = g.shuffle("shuffle", 3, x);
    let x = g.depthwise("dw", x);
    let x = g.relu("relu", x);
    let x = g.pool("pool", x);
    let x = g.shuffle("again", 4, x);
    let x = g.shuffle("and_again", 2, x);
    let x = g.relu("act", x);
    let x = g.grouped("last", 12, 3, x);
    let layers =
        g.becomes(&[x], &["stem conv", "group conv", "dw depthwise Relu", "pool Average", "act activation Relu", "last conv"]);
    assert_ne!(layers[LayerId(2)].value.as_ref().unwrap().lanes, (0..24).collect::<Vec<_>>());
}

/// Convolutions pick the lanes of a slice. Layers that read whole maps get a copy, made once.
#[test]
fn a_slice_picks_lanes_and_is_copied_where_a_whole_map_is_read() {
    let mut g = Graph::new(3, 5, 5);
    let stem = g.conv("stem", 24, g.0.input());
    let shuffled = g.shuffle("shuffle", 3, stem);
    let part = g.add("part", Op::Slice { begin: 5, len: 17 }, &[shuffled]);
    let again = g.shuffle("again", 17, part);
    let inner = g.add("inner", Op::Slice { begin: 2, len: 8 }, &[again]);
    let conv = g.grouped("conv", 4, 2, inner);
    let dw = g.depthwise("dw", part);
    let pool = g.pool("pool", part);
    let blue = g.add("blue", Op::Slice { begin: 2, len: 1 }, &[g.0.input()]);
    g.becomes(
        &[conv, dw, pool, inner, blue],
        &[
            "stem conv",
            "conv conv",
            "part.reorder conv",
            "dw depthwise",
            "pool Average",
            "inner.reorder conv",
            "blue.reorder conv",
        ],
    );
}

/// Channels that follow one another are copied as they are.
#[test]
fn slices_are_moved_unless_they_are_panels() {
    let mut g = Graph::new(3, 5, 5);
    let stem = g.conv("stem", 48, g.0.input());
    let panels = g.add("panels", Op::Slice { begin: 16, len: 32 }, &[stem]);
    let lanes = g.add("lanes", Op::Slice { begin: 8, len: 16 }, &[stem]);
    let (a, b) = (g.depthwise("a", panels), g.depthwise("b", lanes));
    let layers = g.becomes(&[a, b], &["stem conv", "a depthwise", "lanes.reorder move16x5x5p012", "b depthwise"]);
    let LayerOp::Depthwise(of) = &layers[LayerId(1)].op else { panic!("not depthwise") };
    assert_eq!((of.src_lane, of.c), (16, 32));
    let LayerOp::Move(of) = &layers[LayerId(2)].op else { panic!("no move") };
    assert_eq!((of.src_lane, of.channels), (8, 16));
}

/// What writes a map writes all of it, so only a whole map has a place in a concatenation.
#[test]
fn a_slice_is_copied_into_a_concatenation() {
    let mut g = Graph::new(3, 4, 4);
    let x = g.conv("x", 20, g.0.input());
    let front = g.add("front", Op::Slice { begin: 0, len: 7 }, &[x]);
    let back = g.add("back", Op::Slice { begin: 7, len: 13 }, &[x]);
    let y = g.conv("y", 5, back);
    let cat = g.add("cat", Op::Concat, &[front, y]);
    let all = g.add("all", Op::Slice { begin: 0, len: 12 }, &[cat]);
    g.becomes(&[all], &["x conv", "cat.copy0 move7x4x4p012", "y conv @7"]);
}

#[test]
fn order_is_restored_where_lanes_disagree() {
    let mut g = Graph::new(3, 4, 4);
    let x = g.conv("stem", 12, g.0.input());
    let shuffled = g.shuffle("shuffle", 3, x);
    let dw = g.depthwise("dw", shuffled);
    let other = g.depthwise("other", x);
    let sum = g.add("add", Op::Add, &[dw, other]);
    let conv = g.conv("conv", 12, sum);
    let shortcut = g.add("shortcut", Op::Add, &[conv, shuffled]);
    let dw2 = g.depthwise("dw2", shuffled);
    let pool = g.pool("pool", shuffled);
    let agreeing = g.add("agreeing", Op::Add, &[dw2, pool]);
    g.becomes(
        &[shortcut, shuffled, agreeing],
        &[
            "stem conv",
            "dw depthwise",
            "other depthwise",
            "dw.reorder conv",
            "add add",
            "shuffle.reorder conv",
            "conv conv +shortcut",
            "dw2 depthwise",
            "pool Average",
            "agreeing add",
            "agreeing.reorder conv",
        ],
    );
}

#[test]
fn shufflenets_units_need_no_copies() {
    let mut g = Graph::new(3, 6, 6);
    let x = g.conv("stem", 24, g.0.input());
    let pooled = g.pool("pool", x);
    let b = g.conv("b1", 12, x);
    let b = g.relu("b1.relu", b);
    let b = g.shuffle("b1.shuffle", 3, b);
    let b = g.depthwise("b2", b);
    let b = g.bn("b2.bn", b);
    let b = g.grouped("b3", 216, 3, b);
    let both = g.add("concat", Op::Concat, &[pooled, b]);
    let x = g.relu("relu", both);
    let b = g.grouped("c1", 60, 3, x);
    let b = g.shuffle("c1.shuffle", 3, b);
    let b = g.depthwise("c2", b);
    let b = g.grouped("c3", 240, 3, b);
    let sum = g.add("add", Op::Add, &[x, b]);
    let x = g.relu("relu2", sum);
    let layers = g.becomes(
        &[x],
        &[
            "stem conv",
            "pool Average Relu",
            "b1 conv Relu",
            "b2 depthwise",
            "b3 conv @24 Relu",
            "c1 conv",
            "c2 depthwise",
            "c3 conv +shortcut Relu",
        ],
    );
    assert_eq!(layers.maps.len(), 8, "the operands of the concatenation share a map");
}

#[test]
fn lower_lanes_of_a_shared_group_are_written_first() {
    let mut g = Graph::new(3, 4, 4);
    let b = g.conv("b", 7, g.0.input());
    let a = g.conv("a", 5, g.0.input());
    let c = g.conv("c", 4, g.0.input());
    let d = g.conv("d", 4, g.0.input());
    let both = g.add("concat", Op::Concat, &[a, b, c, d]);
    g.becomes(&[both], &["a conv", "d conv @16", "b conv @5", "c conv @12"]);
}

#[test]
fn operands_that_cannot_be_placed_are_copied() {
    let mut g = Graph::new(3, 4, 4);
    let x = g.conv("x", 5, g.0.input());
    let twice = g.add("twice", Op::Concat, &[x, x]);
    let dw = g.depthwise("dw", twice);
    let pool = g.pool("pool", twice);
    let conv = g.conv("conv", 3, twice);
    let last = g.add("last", Op::Concat, &[g.0.input(), dw, pool, conv]);
    let relu = g.relu("relu", last);
    g.becomes(
        &[relu],
        &[
            "x conv",
            "twice.copy0 move5x4x4p012",
            "twice.copy1 move5x4x4p012 @5",
            "dw depthwise",
            "pool Average",
            "last.copy0 conv",
            "last.copy1 move10x4x4p012 @3",
            "last.copy2 move10x4x4p012 @13",
            "conv conv @23",
            "relu activation Relu",
        ],
    );
}

#[test]
fn a_placed_operand_can_be_read_by_later_convolutions() {
    let mut g = Graph::new(3, 4, 4);
    let a = g.conv("a", 5, g.0.input());
    let b = g.conv("b", 7, g.0.input());
    let both = g.add("concat", Op::Concat, &[a, b]);
    let later = g.conv("later", 4, b);
    let again = g.add("again", Op::Concat, &[both, b]);
    g.becomes(
        &[later, both, again],
        &["a conv", "b conv @5", "later conv", "again.copy0 move12x4x4p012", "again.copy1 move7x4x4p012 @12"],
    );
}

#[test]
fn an_operand_read_before_the_concatenation_or_by_lane_is_copied() {
    let mut g = Graph::new(3, 4, 4);
    let a = g.conv("a", 16, g.0.input());
    let b = g.conv("b", 8, a);
    let dense = g.add("dense", Op::Concat, &[a, b]);
    let relu = g.relu("relu", b);
    let last = g.conv("last", 4, dense);
    g.becomes(
        &[last, relu],
        &["a conv", "b conv", "dense.copy0 move16x4x4p012", "dense.copy1 move8x4x4p012 @16", "relu activation Relu", "last conv"],
    );
}

#[test]
fn a_convolution_with_a_shortcut_writes_only_the_first_lanes() {
    let mut g = Graph::new(3, 4, 4);
    let stem = g.conv("stem", 16, g.0.input());
    let left = g.conv("left", 16, stem);
    let left = g.add("left.add", Op::Add, &[left, stem]);
    let right = g.conv("right", 16, stem);
    let right = g.add("right.add", Op::Add, &[right, stem]);
    let both = g.add("concat", Op::Concat, &[left, right]);
    let relu = g.relu("relu", both);
    let lines = ["stem conv", "left conv +shortcut Relu", "right conv +shortcut", "concat.copy1 conv @16 Relu"];
    g.becomes(&[relu], &lines);
}

#[test]
fn nested_concatenations_are_one_and_single_ones_vanish() {
    let mut g = Graph::new(3, 4, 4);
    let a = g.conv("a", 5, g.0.input());
    let b = g.conv("b", 7, g.0.input());
    let inner = g.add("inner", Op::Concat, &[a, b]);
    let c = g.conv("c", 20, g.0.input());
    let outer = g.add("outer", Op::Concat, &[inner, c]);
    let single = g.add("single", Op::Concat, &[outer]);
    let trivial = g.shuffle("trivial", 1, single);
    let relu = g.relu("relu", trivial);
    g.becomes(&[relu], &["a conv Relu", "b conv @5 Relu", "c conv @12 Relu"]);
}

#[test]
fn a_shuffled_operand_and_a_shuffled_concatenation_keep_their_channels() {
    let mut g = Graph::new(3, 4, 4);
    let a = g.conv("a", 6, g.0.input());
    let a = g.shuffle("a.shuffle", 3, a);
    let b = g.conv("b", 10, g.0.input());
    let b = g.shuffle("b.shuffle", 2, b);
    let both = g.add("concat", Op::Concat, &[a, b]);
    let x = g.shuffle("shuffle", 4, both);
    let x = g.depthwise("dw", x);
    let x = g.conv("last", 3, x);
    g.becomes(&[x], &["a conv", "b conv @6", "dw depthwise", "last conv"]);
}

#[test]
fn an_activation_that_not_all_operands_can_take_stands_alone() {
    let mut g = Graph::new(3, 4, 4);
    let a = g.conv("a", 6, g.0.input());
    let a = g.act("silu", Activation::Silu, a);
    let b = g.conv("b", 10, g.0.input());
    let both = g.add("concat", Op::Concat, &[a, b]);
    let relu = g.relu("relu", both);
    g.becomes(&[relu], &["a conv Silu", "b conv @6", "relu activation Relu"]);
}

#[test]
fn a_copy_takes_the_activation_its_operand_could_have_taken() {
    for act in [Activation::Relu, Activation::Silu] {
        let mut g = Graph::new(3, 4, 4);
        let a = g.conv("a", 6, g.0.input());
        let b = g.depthwise("b", a);
        let c = g.conv("c", 6, g.0.input());
        let both = g.add("concat", Op::Concat, &[c, b]);
        let last = g.act("act", act, both);
        g.becomes(&[last], &["a conv", "b depthwise", &format!("c conv {act:?}"), &format!("concat.copy1 conv @6 {act:?}")]);
    }
}

#[test]
fn inner_outputs_keep_their_maps() {
    let mut g = Graph::new(3, 4, 4);
    let conv = g.conv("conv", 8, g.0.input());
    let relu = g.relu("relu", conv);
    let other = g.conv("other", 8, relu);
    let sum = g.add("add", Op::Add, &[other, relu]);
    let both = g.add("concat", Op::Concat, &[sum, other]);
    let layers = g.becomes(
        &[conv, both, other, NodeId(0), conv],
        &[
            "conv conv",
            "relu activation Relu",
            "other conv",
            "add add",
            "concat.copy0 move8x4x4p012",
            "concat.copy1 move8x4x4p012 @8",
            "input.reorder conv",
        ],
    );
    assert!(!layers.returns(MapId(0)));
}

#[test]
fn dead_nodes_and_their_tensors_are_dropped() {
    let mut g = Graph::new(3, 4, 4);
    let conv = g.conv("conv", 8, g.0.input());
    let dead = g.conv("dead", 8, conv);
    g.add("dead.softmax.mean", Op::Reduce(Reduction::Mean), &[dead]);
    let relu = g.relu("relu", conv);
    g.becomes(&[relu], &["conv conv Relu"]);
}

#[test]
fn a_softmax_is_a_part_of_an_output_or_a_layer() {
    for log in [false, true] {
        let softmax = Op::Softmax { log };
        let mut g = Graph::new(3, 1, 1);
        let fc = g.add("fc", Op::Linear { out: 10, bias: false }, &[g.0.input()]);
        let last = g.add("softmax", softmax, &[fc]);
        g.becomes(&[last], &["fc conv"]);

        // Over the channels of each pixel, of a part of an output, and of the whole once more.
        let mut g = Graph::new(3, 4, 5);
        let conv = g.conv("conv", 20, g.0.input());
        let other = g.conv("other", 5, conv);
        let first = g.add("first", softmax, &[conv]);
        let both = g.add("both", Op::Concat, &[first, other, first]);
        let again = g.add("again", softmax, &[both]);
        g.becomes(&[again, first, both, conv], &["conv conv", "other conv"]);

        // Of what is read inside the network.
        let mut g = Graph::new(3, 4, 5);
        let conv = g.conv("conv", 20, g.0.input());
        let inner = g.add("softmax", softmax, &[conv]);
        let relu = g.relu("relu", inner);
        let line = if log { "softmax logsoftmax" } else { "softmax softmax" };
        g.becomes(&[relu, inner], &["conv conv", line, "relu activation Relu"]);
    }
}

/// Anchors of two scales: what the user gets is copied to its place, and no layer moves anything.
#[test]
fn transposing_and_reshaping_on_the_way_out_costs_nothing() {
    let mut g = Graph::new(3, 4, 6);
    let near = g.conv("near", 20, g.0.input());
    let far = g.add("far", Op::MaxPool(Window::square(2, 2, 0)), &[near]);
    let mut anchors = Vec::new();
    for (name, scale) in [("a", near), ("b", far)] {
        let maps = g.conv(name, 18, scale);
        let turned = g.add(&format!("{name}.turned"), Op::Transpose([1, 2, 0]), &[maps]);
        let shape = g.0.shape(maps);
        anchors.push(g.add(&format!("{name}.anchors"), Op::Reshape(Shape::new(shape.pixels() * 3, 6, 1)), &[turned]));
    }
    let all = g.add("all", Op::Concat, &anchors);
    let classes = g.add("classes", Op::Transpose([1, 0, 2]), &[all]);
    let shares = g.add("shares", Op::Softmax { log: false }, &[classes]);
    let back = g.add("back", Op::Transpose([2, 1, 0]), &[shares]);
    let flat = g.add("flat", Op::Reshape(Shape::new(1, 15, 36)), &[back]);
    g.becomes(&[shares, flat, all, anchors[1], near], &["near conv", "far Max", "a conv", "b conv"]);
}

#[test]
fn what_is_moved_inside_a_network_is_moved_at_once() {
    let mut g = Graph::new(3, 4, 6);
    let conv = g.conv("conv", 20, g.0.input());
    let turned = g.add("turned", Op::Transpose([1, 2, 0]), &[conv]);
    let relu = g.relu("relu", turned);
    // Two nodes are one move, and the output is copied from where it is moved from.
    let shaped = g.add("shaped", Op::Reshape(Shape::new(8, 3, 20)), &[relu]);
    let back = g.add("back", Op::Transpose([2, 1, 0]), &[shaped]);
    let fc = g.conv("fc", 5, back);
    let last = g.add("last", Op::Transpose([2, 1, 0]), &[fc]);
    g.becomes(
        &[last, turned],
        &["conv conv", "turned move20x4x6p120", "relu activation Relu", "back move4x2x3x20p3201", "fc conv"],
    );
}

#[test]
fn what_no_loop_moves_goes_through_a_row_of_lanes() {
    let mut g = Graph::new(3, 4, 6);
    let conv = g.conv("conv", 20, g.0.input());
    let crooked = g.add("crooked", Op::Reshape(Shape::new(15, 32, 1)), &[conv]);
    let fc = g.conv("fc", 5, crooked);
    g.becomes(&[fc], &["conv conv", "crooked.flat move20x4x6p012", "crooked move15x32p01", "fc conv"]);

    // Columns of the input are five and a seventh of the result's: the output is copied from what a layer reshaped.
    let mut g = Graph::new(3, 4, 6);
    let conv = g.conv("conv", 20, g.0.input());
    let crooked = g.add("crooked", Op::Reshape(Shape::new(15, 32, 1)), &[conv]);
    let turned = g.add("turned", Op::Transpose([1, 0, 2]), &[crooked]);
    g.becomes(&[turned], &["conv conv", "crooked.flat move20x4x6p012", "crooked move15x32p01"]);
}

#[test]
fn constants_are_maps_as_others_are() {
    let mut g = Graph::new(3, 4, 6);
    let conv = g.conv("conv", 20, g.0.input());
    let grid = g.add("grid", Op::Constant(Shape::new(1, 4, 6)), &[]);
    let sum = g.add("sum", Op::Binary(Arithmetic::Add), &[conv, grid]);
    let both = g.add("both", Op::Concat, &[sum, grid]);
    g.becomes(
        &[both, grid],
        &["conv conv", "grid constant", "sum pluspixel", "both.copy0 move20x4x6p012", "both.copy1 move1x4x6p012 @20"],
    );
}

/// The user's image, and a part of a map whose channels are in order, are read as they lie. Others are put in order first.
#[test]
fn moves_read_images_and_parts_of_maps() {
    let mut g = Graph::new(3, 4, 6);
    let turned = g.add("turned", Op::Transpose([2, 0, 1]), &[g.0.input()]);
    let conv = g.conv("conv", 20, turned);
    let part = g.add("part", Op::Slice { begin: 7, len: 9 }, &[conv]);
    let moved = g.add("moved", Op::Transpose([1, 0, 2]), &[part]);
    let relu = g.relu("relu", moved);
    let shuffled = g.add("shuffled", Op::ChannelShuffle { groups: 5 }, &[conv]);
    let other = g.add("other", Op::Transpose([1, 0, 2]), &[shuffled]);
    let sum = g.relu("sum", other);
    g.becomes(
        &[relu, sum],
        &[
            "turned move3x4x6p201",
            "conv conv",
            "moved move9x3x4p102",
            "relu activation Relu",
            "shuffled.reorder conv",
            "other move20x3x4p102",
            "sum activation Relu",
        ],
    );
}

#[test]
fn what_keeps_its_shape_and_order_is_skipped() {
    let mut g = Graph::new(3, 4, 6);
    let conv = g.conv("conv", 20, g.0.input());
    let mean = g.add("mean", Op::Reduce(Reduction::Mean), &[conv]);
    let turned = g.add("turned", Op::Transpose([0, 2, 1]), &[mean]);
    let shaped = g.add("shaped", Op::Reshape(Shape::new(20, 1, 1)), &[turned]);
    let all = g.add("all", Op::Slice { begin: 0, len: 20 }, &[shaped]);
    let fc = g.conv("fc", 5, all);
    g.becomes(&[fc], &["conv conv", "mean mean", "fc conv"]);
}

#[test]
fn all_missing_and_misshapen_tensors_are_named() {
    let mut g = Graph::new(3, 4, 4);
    let conv = g.conv("conv", 8, g.0.input());
    let bn = g.bn("bn", conv);
    let network = g.finish(&[bn]);
    let mut weights = Weights::default();
    weights.insert("conv.weight", Tensor::new(vec![8, 3], vec![0.0; 24]));
    weights.insert("bn.weight", Tensor::new(vec![8], vec![0.0; 8]));
    let error = normalize(&network, &weights).unwrap_err();
    let NormalizeError::Tensors { problems, .. } = &error else { panic!("{error}") };
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "tensor 'conv.weight' has shape [8, 3], but the network needs [8, 3, 1, 1]",
            "missing tensor 'conv.bias' of shape [8]",
            "missing tensor 'bn.bias' of shape [8]",
            "missing tensor 'bn.running_mean' of shape [8]",
            "missing tensor 'bn.running_var' of shape [8]",
        ]
    );
}

/// A network of a 1x1 convolution and a batch norm of one channel, with the given tensors: weight and bias; then weight, bias,
/// mean and variance.
fn one_channel([weight, bias, gamma, beta, mean, var]: [f32; 6]) -> (Network, Weights) {
    let mut g = Graph::new(1, 1, 1);
    let conv = g.conv("conv", 1, g.0.input());
    let bn = g.bn("bn", conv);
    let network = g.finish(&[bn]);
    let mut weights = Weights::default();
    weights.insert("conv.weight", Tensor::new(vec![1, 1, 1, 1], vec![weight]));
    for (name, value) in
        [("conv.bias", bias), ("bn.weight", gamma), ("bn.bias", beta), ("bn.running_mean", mean), ("bn.running_var", var)]
    {
        weights.insert(name, Tensor::new(vec![1], vec![value]));
    }
    (network, weights)
}

fn folded((network, weights): (Network, Weights)) -> Result<(f32, f32), NormalizeError> {
    let layers = normalize(&network, &weights)?;
    let Some(Some(filter)) = layers.filters.first() else { panic!("{:?}", layers.layers) };
    Ok((filter.weight[0], filter.bias[0]))
}

#[test]
fn folding_rounds_once_and_flushes_denormals() {
    let one_channel = |values| folded(one_channel(values)).unwrap();
    let factor = f64::from(0.7f32) / (f64::from(0.9f32) + 1e-5).sqrt();
    let expected = (f64::from(0.3f32) * factor, (f64::from(0.1f32) - f64::from(0.2f32)) * factor + f64::from(0.4f32));
    assert_eq!(one_channel([0.3, 0.1, 0.7, 0.4, 0.2, 0.9]), (expected.0 as f32, expected.1 as f32));
    assert_eq!(one_channel([1e-20, 0.0, 1e-20, 1e-40, 0.0, 1.0]), (0.0, 0.0));
    assert_eq!(one_channel([f32::MIN_POSITIVE * 2.0, 0.0, 1.0, 0.0, 0.0, 1.0]).0, {
        (f64::from(f32::MIN_POSITIVE * 2.0) / 1.00001f64.sqrt()) as f32
    });
}

#[test]
fn what_cannot_be_folded_is_refused_unless_that_is_allowed() {
    for values in [[1.0, 0.0, 1.0, 0.0, 0.0, -1.0], [1e30, 0.0, 1e30, 0.0, 0.0, 1.0], [1.0, 1e30, 1e30, 0.0, 0.0, 1.0]] {
        let (network, weights) = one_channel(values);
        let error = folded((network.clone(), weights.clone())).unwrap_err();
        let NormalizeError::Tensors { problems, .. } = &error else { panic!("{error}") };
        assert!(matches!(problems[..], [Problem::Unfoldable { channel: 0, count: 1, of: 1, .. }]), "{error}");
        let (weight, bias) = folded((network, weights.with_non_finite_allowed())).unwrap();
        assert!(!(weight.is_finite() && bias.is_finite()), "{values:?}: {weight} {bias}");
    }
}

/// If the check accepts a value, the folded weight and bias are finite, also with the factor that SiLU puts into them.
#[test]
fn what_is_not_refused_is_finite() {
    let mut refused = 0;
    let mut rng = TestRunner::deterministic();
    let value = prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO;
    for _ in 0..4000 {
        let values = prop::array::uniform6(value).new_tree(&mut rng).unwrap().current();
        let (network, weights) = one_channel(values);
        match fuse::fuse(&network, &weights) {
            Ok(steps) => {
                let (_, step) = steps.iter().last().unwrap();
                let Fused::Conv { branches, .. } = &step.op else { panic!("not folded") };
                let filter = branches.fold(&network, &weights, std::f64::consts::LOG2_E);
                assert!(filter.weight[0].is_finite() && filter.bias[0].is_finite(), "{values:?}");
            }
            Err(_) => refused += 1,
        }
    }
    assert!((400..3600).contains(&refused), "{refused} of 4000 are refused");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn drawn_networks_and_their_layers_agree(network in draw::network()) {
        let layers = checked(&network);
        let macs: u64 = layers.layers.iter().map(|layer| layer.macs).sum();
        prop_assert!(macs <= network.macs());
    }
}

/// The property above is only worth something if its networks reach all cases.
#[test]
fn drawn_networks_reach_every_rule() {
    let mut runner = TestRunner::deterministic();
    let mut reached: Vec<String> = Vec::new();
    for _ in 0..2000 {
        let network = draw::network().new_tree(&mut runner).unwrap().current();
        for layer in &normalize(&network, &draw::weights(&network)).unwrap().layers {
            let line = line(layer);
            let (name, rest) = line.split_once(' ').unwrap();
            reached.push(format!("{} {rest}", name.trim_start_matches(|c: char| c == 'n' || c.is_ascii_digit())));
        }
    }
    for rule in [
        " conv +shortcut Relu",
        " conv Silu +shortcut",
        " conv @",
        " Average Relu",
        " Max",
        " scale Relu6",
        " divone",
        " subpixel",
        " minimummap",
        " add Sigmoid",
        " activation",
        ".reorder conv",
        ".copy1 conv @",
        " mean",
        " max",
        " min",
        " upsample",
        " depthtospace",
        " pixelshuffle",
        " pad",
        " crop",
        ".blocks conv",
        " depthwise Silu",
    ] {
        assert!(reached.iter().any(|line| line.starts_with(rule)), "no drawn network has a layer '{rule}'");
    }
}

/// A convolution leaves lanes between the channels of a block's pixels where that costs less than copying.
#[test]
fn blocks_are_made_of_the_channels_of_a_convolution() {
    for (oc, order, lines) in [
        (80, DepthOrder::Crd, &["x conv Relu", "up pixelshuffle"][..]),
        (64, DepthOrder::Dcr, &["x conv Relu", "up depthtospace"]),
        (4, DepthOrder::Dcr, &["x conv Relu", "x.act.blocks conv", "up depthtospace"]),
    ] {
        let mut g = Graph::new(12, 3, 4);
        let input = NodeId(0);
        let window = if oc == 4 { Window::square(3, 1, 1) } else { Window::POINT };
        let conv = Conv2d { oc, groups: 1, bias: true, window };
        let x = g.add("x", Op::Conv2d(conv), &[input]);
        let x = g.relu("x.act", x);
        let up = g.add("up", Op::Rearrange(Rearrange::DepthToSpace { block: 2, order }), &[x]);
        g.becomes(&[up], lines);
    }
    // A convolution in groups cannot.
    let mut g = Graph::new(12, 3, 4);
    let x = g.grouped("x", 80, 2, NodeId(0));
    let up = g.add("up", Op::Rearrange(Rearrange::DepthToSpace { block: 2, order: DepthOrder::Dcr }), &[x]);
    g.becomes(&[up], &["x conv", "x.blocks conv", "up depthtospace"]);
}

/// One convolution would take 256 products a value here.
#[test]
fn many_channels_of_groups_are_copied_to_blocks_pixel_by_pixel() {
    for (oc, order, lines) in [
        (
            256,
            DepthOrder::Crd,
            ["x.blocks0 conv", "x.blocks1 conv @64", "x.blocks2 conv @128", "x.blocks3 conv @192", "up pixelshuffle"],
        ),
        (
            288,
            DepthOrder::Dcr,
            [
                "x.blocks0 move72x3x4p012",
                "x.blocks1 move72x3x4p012 @80",
                "x.blocks2 move72x3x4p012 @160",
                "x.blocks3 move72x3x4p012 @240",
                "up depthtospace",
            ],
        ),
    ] {
        let mut g = Graph::new(12, 3, 4);
        let x = g.grouped("x", oc, 2, NodeId(0));
        let up = g.add("up", Op::Rearrange(Rearrange::DepthToSpace { block: 2, order }), &[x]);
        g.becomes(&[up], &[&["x conv"], &lines[..]].concat());
    }
}

#[test]
fn a_network_that_returns_its_input_copies_it() {
    let g = Graph::new(3, 2, 2);
    g.becomes(&[NodeId(0)], &["input.reorder conv"]);
}
