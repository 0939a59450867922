//! Finds every number of a plan, and what it means.

use crate::ir::stage::{Int, Region, Step};
use crate::plan::Plan;

/// What a number of a plan means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The number of units of a stage, which threads share.
    Units,
    /// Which rows a layer computes: bounds of loops, and variables that these are computed from.
    LoopLimit,
    /// Which rows are treated as border rows.
    Arm,
    /// Where a call finds or leaves a map.
    PointerOffset,
    /// The divisor whose remainder is a row's place in a ring.
    Modulo,
    /// The rows of a ring, wherever this number is used.
    RingDepth,
    /// Where a call finds its weights.
    PackOffset,
    /// Length of a kernel's buffer.
    BufferBound,
    /// Length of a region.
    RegionLength,
    /// Where a result is, how large it is, and where it goes.
    Output,
    /// Where a map lies in the arena when its stages are lowered.
    Placement,
    /// How long a map is live: its memory is given away one stage early.
    Liveness,
}

/// Calls `change` with every number of a plan, except those that are used in several places.
pub fn each(plan: &mut Plan, change: &mut dyn FnMut(Kind, &mut usize)) {
    for stage in &mut plan.stages {
        change(Kind::Units, &mut stage.code.units);
        steps(&mut stage.code.body, change);
    }
    for kernel in &mut plan.kernels {
        kernel.buffers.iter_mut().for_each(|buffer| change(Kind::BufferBound, &mut buffer.len));
    }
    let lengths = &mut plan.lengths;
    for length in [&mut lengths.input, &mut lengths.arena, &mut lengths.scratch, &mut lengths.weights] {
        change(Kind::RegionLength, length);
    }
    for unpack in &mut plan.unpack {
        change(Kind::Output, &mut unpack.dst);
        change(Kind::Output, &mut unpack.len);
        for piece in &mut unpack.pieces {
            let loops = piece.loops.iter_mut().flat_map(|each| [&mut each.count, &mut each.src, &mut each.dst]);
            for number in [&mut piece.src, &mut piece.image, &mut piece.first].into_iter().chain(loops) {
                change(Kind::Output, number);
            }
        }
        for softmax in &mut unpack.softmaxes {
            let rows = softmax.rows.iter_mut().flat_map(|each| [&mut each.count, &mut each.step]);
            for number in [&mut softmax.first, &mut softmax.row.count, &mut softmax.row.step].into_iter().chain(rows) {
                change(Kind::Output, number);
            }
        }
    }
}

fn steps(body: &mut [Step], change: &mut dyn FnMut(Kind, &mut usize)) {
    for step in body {
        match step {
            Step::Comment(_) | Step::Keep(_) | Step::ResetAtZero { .. } => {}
            Step::Let(_, value) | Step::Set(_, value) => int(value, Kind::LoopLimit, change),
            Step::For { lo, hi, body, .. } => {
                int(lo, Kind::LoopLimit, change);
                int(hi, Kind::LoopLimit, change);
                steps(body, change);
            }
            Step::Match { on, arms } => {
                int(on, Kind::Arm, change);
                for arm in arms {
                    change(Kind::Arm, &mut arm.lo);
                    change(Kind::Arm, &mut arm.hi);
                    steps(&mut arm.body, change);
                }
            }
            Step::Call { args, .. } => {
                for pointer in args {
                    let kind = if pointer.region == Region::Weights { Kind::PackOffset } else { Kind::PointerOffset };
                    int(&mut pointer.offset, kind, change);
                }
            }
        }
    }
}

fn int(value: &mut Int, kind: Kind, change: &mut dyn FnMut(Kind, &mut usize)) {
    match value {
        Int::Const(number) => change(kind, number),
        Int::Var(_) => {}
        Int::Add(a, b) | Int::Max(a, b) => {
            int(a, kind, change);
            int(b, kind, change);
        }
        Int::Rem(a, number) => {
            int(a, kind, change);
            change(Kind::Modulo, number);
        }
        Int::Sub(a, number) | Int::Mul(a, number) | Int::Div(a, number) | Int::Min(a, number) => {
            int(a, kind, change);
            change(kind, number);
        }
    }
}
