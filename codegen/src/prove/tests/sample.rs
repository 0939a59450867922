//! A small network with every kind of stage and call: a chain in three strips with rings, border rows, a shortcut, a concatenation
//! that blends, a shuffle, pools, a squeeze-and-excitation whose gate must clear its pad lanes, and two outputs.

use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Arithmetic, Builder, Conv2d, Network, NodeId, Op, Reduction, Shape, Window};

use crate::compile::plan;
use crate::lab::testing::{draw, noise};
use crate::network::layers::Normalized;
use crate::network::normalize::normalize;
use crate::network::pack::{Packed, pack};
use crate::plan::Plan;
use crate::schedule::Options;

/// The network.
pub fn network() -> Network {
    let mut nodes = Nodes(Builder::new("sample", Shape::new(3, 18, 38)).unwrap());
    let stem = nodes.conv("stem", NodeId(0), 20, 3, 2, 1);
    let stem = nodes.act("stem.act", Activation::Relu6, stem);
    let expand = nodes.conv("expand", stem, 24, 1, 1, 1);
    let wide = nodes.conv("wide", expand, 24, 5, 1, 24);
    let wide = nodes.act("wide.act", Activation::Silu, wide);
    let project = nodes.conv("project", wide, 20, 1, 1, 1);
    let block = nodes.add("block", Op::Add, &[project, stem]);
    let pool = Window::square(3, 1, 1);
    let pooled = nodes.add("pool", Op::MaxPool(pool), &[block]);
    let both = nodes.add("both", Op::Concat, &[pooled, project]);
    let grouped = nodes.conv("grouped", both, 20, 1, 1, 4);
    let shuffled = nodes.add("shuffled", Op::ChannelShuffle { groups: 4 }, &[grouped]);
    let down = nodes.conv("down", shuffled, 20, 3, 2, 20);
    let mean = nodes.add("mean", Op::Reduce(Reduction::Mean), &[down]);
    let squeeze = nodes.add("squeeze", Op::Linear { out: 5, bias: true }, &[mean]);
    let gate = nodes.add("gate", Op::Linear { out: 20, bias: true }, &[squeeze]);
    let gate = nodes.act("gate.act", Activation::Sigmoid, gate);
    let scaled = nodes.add("scaled", Op::Binary(Arithmetic::Mul), &[down, gate]);
    let head = nodes.conv("head", scaled, 70, 1, 1, 1);
    let last = nodes.add("last", Op::Reduce(Reduction::Mean), &[head]);
    let classes = nodes.add("classes", Op::Linear { out: 10, bias: true }, &[last]);
    nodes.0.finish(&[classes, block]).unwrap()
}

struct Nodes(Builder);

impl Nodes {
    fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        self.0.add(name, op, inputs).unwrap()
    }

    fn act(&mut self, name: &str, act: Activation, src: NodeId) -> NodeId {
        self.add(name, Op::Activation(act), &[src])
    }

    fn conv(&mut self, name: &str, src: NodeId, oc: usize, kernel: usize, stride: usize, groups: usize) -> NodeId {
        let window = Window::square(kernel, stride, kernel / 2);
        self.add(name, Op::Conv2d(Conv2d { oc, groups, bias: true, window }), &[src])
    }
}

/// The network normalised, with its packed weights.
pub fn layers() -> (Normalized, Packed) {
    let network = network();
    let layers = normalize(&network, &draw::weights(&network)).unwrap();
    let packed = pack(&layers);
    (layers, packed)
}

/// The network's plan.
pub fn sample(level: Level, batch: usize) -> (Plan, Packed) {
    let (layers, packed) = layers();
    (plan(&layers, &packed, &Options { batch, ..Options::new(level) }).unwrap(), packed)
}

/// Images for a plan.
pub fn images(plan: &Plan, seed: u64) -> Vec<f32> {
    noise(seed).take(plan.lengths.input).map(|x| x as f32).collect()
}
