//! Graphs: building never panics; what is built and normalised is planned, proven, and computes what the graph does in f64.

use sartor_codegen::interpret;
use sartor_codegen::normalize::normalize;
use sartor_codegen::pack::pack;
use sartor_codegen::plan::{Options, PlanError, plan};
use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Builder, Conv2d, Network, NodeId, Op, Pool, Shape, Weights};

use crate::{Choices, network};

/// Rounding of f32 through at most [`NODES`] nodes, relative to the largest value of any of them.
const TOLERANCE: f64 = 1e-4;
const NODES: usize = 12;
/// Most elements of a map and multiply-accumulates of a network: so much takes milliseconds.
const MOST_ELEMENTS: usize = 20_000;
const MOST_MACS: u64 = 200_000;

/// Takes the bytes as a graph, and as how to compile it. Returns whether anything was compared: many bytes are no graph.
pub fn judge(data: &[u8]) -> bool {
    let mut choices = Choices(data);
    let level = Level::ALL[choices.below(4)];
    let options = Options {
        batch: choices.below(4),
        l2: if choices.below(2) == 0 { 1 << 12 } else { 1 << 20 },
        fuse: choices.below(2) == 0,
        ..Options::new(level)
    };
    let threads = 1 + choices.below(3);
    let seed = choices.byte() as u64;
    let Some(network) = grow(&mut choices) else { return false };
    if network.macs() > MOST_MACS || network.nodes().iter().any(|node| node.shape.len() > MOST_ELEMENTS) {
        return false;
    }
    let weights = Weights::random(&network, seed);
    // Not every graph can be normalised; but what can must be planned.
    let Ok(layers) = normalize(&network, &weights) else { return false };
    let packed = pack(&layers);
    let plan = match plan(&layers, &packed, options.clone()) {
        Ok(plan) => plan,
        Err(PlanError::NoImages) if options.batch == 0 => return false,
        Err(error) => panic!("{error}: {network:?}"),
    };
    plan.prove(&packed.data).unwrap();
    let len = network.input_shape().len();
    let input: Vec<f32> = (0..len * options.batch).map(|i| ((i * 37 + 11) % 64) as f32 / 32.0 - 1.0).collect();
    let (_, output) = interpret::plan(&plan, &packed.data, &input, threads);
    for (image, values) in input.chunks(len).enumerate() {
        let values: Vec<f64> = values.iter().map(|&x| x.into()).collect();
        let expected = network::evaluate(&network, &weights, &values);
        let largest = expected.iter().flatten().fold(1e-3, |max: f64, x| max.max(x.abs()));
        // Gates that multiply one another leave the range of f32.
        if largest > 1e9 || expected.iter().flatten().any(|x| !x.is_finite()) {
            return false;
        }
        let mut at = 0;
        for &id in network.outputs() {
            let want = &expected[id.0];
            let found = &output[at + image * want.len()..][..want.len()];
            at += options.batch * want.len();
            for (i, (&found, want)) in found.iter().zip(want).enumerate() {
                assert!(
                    (f64::from(found) - want).abs() <= TOLERANCE * largest,
                    "node {} image {image} at {i}: {found}, not {want}, of up to {largest} ({options:?}, {threads} threads): {network:?}",
                    network.node(id).name
                );
            }
        }
    }
    true
}

/// A graph whose nodes are drawn without regard to what fits: those that do not are refused by the builder, and left out.
fn grow(choices: &mut Choices<'_>) -> Option<Network> {
    let shape = Shape::new(choices.below(6), choices.below(12), choices.below(12));
    let mut builder = Builder::new("drawn", shape).ok()?;
    let mut nodes = 1;
    for _ in 0..NODES {
        if choices.0.is_empty() {
            break;
        }
        let op = op(choices);
        let count = if let Op::Add | Op::Mul | Op::Concat = op { 2 } else { 1 };
        // Mostly the last node.
        let inputs: Vec<NodeId> =
            (0..count).map(|_| NodeId((nodes - 1usize).saturating_sub(choices.below(9).saturating_sub(5)))).collect();
        if let Ok(id) = builder.add(format!("n{nodes}"), op, &inputs) {
            nodes = id.0 + 1;
        }
        if builder.shape(NodeId(nodes - 1)).len() > MOST_ELEMENTS {
            return None;
        }
    }
    let second = NodeId(choices.below(nodes + 1));
    builder.finish(&if second.0 == 0 { vec![NodeId(nodes - 1)] } else { vec![NodeId(nodes - 1), second] }).ok()
}

fn op(choices: &mut Choices<'_>) -> Op {
    let pair = |choices: &mut Choices<'_>, n: usize| {
        let byte = choices.byte();
        if byte < 128 { (byte % n, byte % n) } else { (byte % n, byte / n % n) }
    };
    let pool = |choices: &mut Choices<'_>| Pool { kernel: pair(choices, 6), stride: pair(choices, 4), padding: pair(choices, 4) };
    match choices.below(16) {
        0..=3 => {
            let kernel = pair(choices, 8);
            let groups = choices.below(48);
            Op::Conv2d(Conv2d {
                oc: choices.below(48),
                kernel,
                stride: pair(choices, 4),
                padding: pair(choices, 5),
                // Mostly dense.
                groups: if groups < 24 { 1 } else { groups - 24 },
                bias: choices.below(2) == 0,
            })
        }
        4 => Op::BatchNorm { eps: [1e-3, 1e-5, 0.0, f64::NAN][choices.below(4)] },
        5 | 6 => Op::Activation([Activation::Relu, Activation::Relu6, Activation::Silu, Activation::Sigmoid][choices.below(4)]),
        7 => Op::MaxPool(pool(choices)),
        8 => Op::AvgPool(pool(choices)),
        9 => Op::GlobalAvgPool,
        10 => Op::Linear { out: choices.below(40), bias: choices.below(2) == 0 },
        11 => Op::Add,
        12 => Op::Mul,
        13 => Op::Concat,
        14 => Op::ChannelShuffle { groups: choices.below(8) },
        _ => Op::LogSoftmax,
    }
}
