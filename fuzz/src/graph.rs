//! Graphs. Building one never panics. A graph that can be normalised can also be planned and proven, and its plan computes what the graph
//! does in f64, as `sartor verify --problem` judges it.

use sartor::codegen::compile::PlanError;
use sartor::codegen::lab::Problem;
use sartor::codegen::schedule::ScheduleError;
use sartor::judge::engines::ReferenceEngine;
use sartor::judge::verify::VerifyError;
use sartor::judge::verify::problem::interpret;
use sartor_kernels::runtime::Level;
use sartor_models::{
    Activation, Arithmetic, Builder, Conv2d, DepthOrder, Network, NodeId, Op, Padding, Rearrange, Reduction, Shape, Window,
};

use crate::Choices;

const NODES: usize = 12;
/// Largest number of elements of a map. With [`MOST_MACS`], an input takes milliseconds.
const MOST_ELEMENTS: usize = 20_000;
const MOST_MACS: u64 = 200_000;
/// Products of gates with each other may leave the range of f32. Networks whose values are larger than this are not judged.
const LARGEST: f64 = 1e9;

/// Reads the bytes as a graph and as options for compiling it. Returns whether anything was compared, because many bytes are no graph.
pub fn judge(data: &[u8]) -> bool {
    let mut choices = Choices(data);
    let level = Level::ALL[choices.below(4)];
    let batch = choices.below(4);
    let l2 = if choices.below(2) == 0 { 1 << 12 } else { 1 << 20 };
    let fuse = choices.below(2) == 0;
    let threads = 1 + choices.below(3);
    let seed = choices.byte() as u64;
    let Some(network) = grow(&mut choices) else { return false };
    if network.macs() > MOST_MACS || network.nodes().iter().any(|node| node.shape.len() > MOST_ELEMENTS) {
        return false;
    }
    let problem = Problem { level: Some(level), batch, l2, fuse, threads, seed, ..Problem::new(network) };
    compare(&problem, level)
}

/// Whether a problem could be compared with the reference.
///
/// # Panics
/// If it is not what the reference says.
pub fn compare(problem: &Problem, level: Level) -> bool {
    let verdicts = match interpret(problem, level) {
        Ok(verdicts) => verdicts,
        // Not every graph can be normalised; but what can must be planned.
        Err(VerifyError::Normalize(_) | VerifyError::Plan(PlanError::Schedule(ScheduleError::NoImages))) => return false,
        Err(error) => panic!("{error}: {problem}"),
    };
    if let Some(verdict) = verdicts.iter().find(|verdict| !verdict.holds()) {
        if !stays_in_range(problem) {
            return false;
        }
        panic!("sartor verify --problem '{problem}'\n{verdict:#?}");
    }
    true
}

fn stays_in_range(problem: &Problem) -> bool {
    let weights = problem.weights();
    let mut largest: f64 = 0.0;
    let engine = ReferenceEngine::new(&problem.network, &weights).unwrap();
    engine
        .run_each(&problem.images(), problem.batch, |_, values| largest = values.iter().fold(largest, |m, x| m.max(x.abs())))
        .unwrap();
    largest < LARGEST
}

/// A graph of nodes that need not fit. The builder refuses those that do not, and they are left out.
pub(crate) fn grow(choices: &mut Choices<'_>) -> Option<Network> {
    let shape = Shape::new(choices.below(6), choices.below(12), choices.below(12));
    let mut builder = Builder::new("drawn", shape).ok()?;
    let mut nodes = 1;
    for _ in 0..NODES {
        if choices.0.is_empty() {
            break;
        }
        let op = op(choices);
        let count = match op {
            Op::Add | Op::Binary(_) | Op::Concat => 2,
            Op::Constant(_) => 0,
            _ => 1,
        };
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
    // As much on both sides of an axis, or another pair of sizes behind.
    let padding = |choices: &mut Choices<'_>, n: usize| {
        let apart = choices.peek() >= 192;
        let before = pair(choices, n);
        let after = if apart { pair(choices, n) } else { before };
        (Padding { before: before.0, after: after.0 }, Padding { before: before.1, after: after.1 })
    };
    // Mostly taps that are neighbours.
    let dilation = |choices: &mut Choices<'_>| {
        if choices.peek() < 192 { (1, 1) } else { pair(choices, 5) }
    };
    let pool = |choices: &mut Choices<'_>| {
        let window = Window::new(pair(choices, 6), pair(choices, 4), padding(choices, 4));
        Window { dilation: dilation(choices), ..window }
    };
    match choices.below(22) {
        0..=3 => {
            let (kernel, dilation) = (pair(choices, 8), dilation(choices));
            let groups = choices.below(48);
            Op::Conv2d(Conv2d {
                oc: choices.below(48),
                window: Window { dilation, ..Window::new(kernel, pair(choices, 4), padding(choices, 5)) },
                // Mostly dense.
                groups: if groups < 24 { 1 } else { groups - 24 },
                bias: choices.below(2) == 0,
            })
        }
        4 => Op::BatchNorm { eps: [1e-3, 1e-5, 0.0, f64::NAN][choices.below(4)] },
        5 | 6 => Op::Activation(Activation::ALL[choices.below(Activation::ALL.len())]),
        7 => Op::MaxPool(pool(choices)),
        8 => {
            let window = pool(choices);
            let counted = [window.padding, Padding::NONE, (Padding::both(1), Padding::NONE.1)][choices.below(3)];
            Op::AvgPool { window, counted }
        }
        9 => Op::Reduce(Reduction::ALL[choices.below(4)]),
        10 => Op::Linear { out: choices.below(40), bias: choices.below(2) == 0 },
        11 => Op::Add,
        // No quotients and nothing that jumps: nothing keeps their operands away from zero.
        12 => Op::Binary(
            [Arithmetic::Mul, Arithmetic::Add, Arithmetic::Sub, Arithmetic::SubFrom, Arithmetic::Max, Arithmetic::Min]
                [choices.below(6)],
        ),
        13 => Op::Concat,
        14 => Op::ChannelShuffle { groups: choices.below(8) },
        15 => Op::Slice { begin: choices.below(20), len: choices.below(20) },
        16 => {
            let (rows, columns) = padding(choices, 4);
            Op::Rearrange(if choices.below(2) == 0 {
                Rearrange::Pad { rows, columns }
            } else {
                Rearrange::Crop { rows, columns }
            })
        }
        17 => match choices.below(3) {
            0 => Op::Rearrange(Rearrange::Upsample { rows: choices.below(4), columns: choices.below(4) }),
            1 => Op::Rearrange(Rearrange::DepthToSpace { block: choices.below(4), order: DepthOrder::Dcr }),
            _ => Op::Rearrange(Rearrange::DepthToSpace { block: choices.below(4), order: DepthOrder::Crd }),
        },
        18 => Op::Transpose([choices.below(3), choices.below(3), choices.below(3)]),
        19 => Op::Reshape(Shape::new(choices.below(40), choices.below(12), choices.below(12))),
        20 => Op::Constant(Shape::new(choices.below(40), choices.below(12), choices.below(12))),
        _ => Op::Softmax { log: choices.below(2) == 0 },
    }
}
