//! The proof: what must hold of a program before it is emitted, one property a file. A program that fails is refused.
//!
//! Kernels are proven for all iterations of their loops; then every call of every unit of every stage is walked through, in both
//! ways that a unit can run (`units`), with what it reads and writes to the f32 (`footprint`).

mod access;
mod alignment;
mod bounds;
mod disjoint;
mod footprint;
mod initialised;
mod lanes;
mod liveness;
mod outputs;
mod overflow;
mod padding;
mod scope;
mod set;
mod tags;
#[cfg(test)]
mod tests;
mod units;

use std::ops::Range;

pub use alignment::AlignmentError;
pub use bounds::BoundsError;
pub use disjoint::DisjointError;
pub use initialised::InitialisedError;
pub use liveness::LivenessError;
pub use outputs::OutputError;
pub use overflow::OverflowError;
pub use padding::PaddingError;
pub use scope::ScopeError;
pub use units::UnitsError;

use typed_index_collections::{TiVec, ti_vec};

use crate::ir::kernel::{Kernel, KernelId};
use crate::ir::stage::{Call, Region};
use crate::plan::Plan;

/// Why a program is refused: a defect of the compiler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum Unproven {
    /// A kernel does not make sense.
    Scope(#[from] ScopeError),
    /// An access or a call leaves its memory.
    Bounds(#[from] BoundsError),
    /// An index does not fit its type.
    Overflow(#[from] OverflowError),
    /// A vector access is not aligned.
    Alignment(#[from] AlignmentError),
    /// A stage does not run, or its units remember too much.
    Units(#[from] UnitsError),
    /// Maps are in each other's way.
    Liveness(#[from] LivenessError),
    /// Units are in each other's way.
    Disjoint(#[from] DisjointError),
    /// Something is read that was not written.
    Initialised(#[from] InitialisedError),
    /// Pad lanes are not zero.
    Padding(#[from] PaddingError),
    /// The results are not there.
    Output(#[from] OutputError),
}

/// What was proven of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Of each kernel.
    pub kernels: Vec<KernelProven>,
    /// Of each stage.
    pub stages: Vec<StageProven>,
    /// Maps in the arena and in rings.
    pub maps: usize,
    /// Pairs of maps that share memory of the arena and are never live together.
    pub sharing: usize,
    /// Pad lanes that are zero, counted for each layer.
    pub pad_lanes: usize,
    /// Largest byte offset that any index comes to.
    pub largest_offset: usize,
}

/// What was proven of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelProven {
    /// Its name.
    pub name: String,
    /// Loads, broadcasts, stores and prefetches in bounds, counted in the source.
    pub accesses: usize,
    /// f32 that a call reads and that were written before.
    pub reads: usize,
    /// f32 that a call writes and no other unit touches.
    pub writes: usize,
    /// Buffers that begin aligned, as their vector accesses need.
    pub aligned: usize,
    /// Calls in bounds, in all ways that units can run.
    pub calls: usize,
}

/// What was proven of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageProven {
    /// Its name.
    pub name: String,
    /// Units: any range of them may run on a thread.
    pub units: usize,
    /// Units that do something else after the unit before them than as the first of a range, and come to the same.
    pub continued: usize,
    /// Calls, in all ways that units can run.
    pub calls: usize,
}

/// What is known of a kernel once it is proven by itself.
struct KernelFacts {
    accesses: usize,
    vectors: Vec<bool>,
    touched: Vec<footprint::Touched>,
    largest_offset: usize,
}

/// A program whose calls are being proven.
struct Program<'a> {
    plan: &'a Plan,
    weights: &'a [f32],
    kernels: TiVec<KernelId, KernelFacts>,
    units: Vec<Vec<units::Unit>>,
    lives: Vec<liveness::Live>,
}

impl<'a> Program<'a> {
    /// Proves the kernels by themselves, that memory can be pointed into, and that units run. Says nothing of maps.
    fn new(plan: &'a Plan, weights: &'a [f32]) -> Result<Self, Unproven> {
        let kernels = plan.kernels.iter().map(facts).collect::<Result<TiVec<_, _>, _>>()?;
        overflow::regions(&plan.lengths)?;
        let units = plan.stages.iter().map(|stage| units::of(&stage.code)).collect::<Result<Vec<_>, _>>()?;
        Ok(Program { plan, weights, kernels, units, lives: Vec::new() })
    }

    /// Proves each call of a stage by itself.
    fn calls(&self, index: usize) -> Result<(), Unproven> {
        let name = &self.plan.stages[index].code.name;
        for call in self.units[index].iter().flat_map(|unit| unit.calls()) {
            bounds::call(name, call, &self.plan.kernels, &self.plan.lengths)?;
            alignment::call(name, call, &self.plan.kernels[call.kernel], &self.kernels[call.kernel].vectors)?;
        }
        Ok(())
    }

    /// What a call reads in a region before writing it: buffers and ranges.
    fn reads(&self, call: &Call, region: Region) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.ranges(call, region, |touched| &touched.reads)
    }

    /// What a call writes in a region: buffers and ranges.
    fn writes(&self, call: &Call, region: Region) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.ranges(call, region, |touched| &touched.writes)
    }

    fn ranges(
        &self,
        call: &Call,
        region: Region,
        of: fn(&footprint::Touched) -> &Vec<Range<usize>>,
    ) -> impl Iterator<Item = (usize, Range<usize>)> {
        let buffers = self.kernels[call.kernel].touched.iter().zip(&call.args).enumerate();
        buffers.filter(move |(_, (_, arg))| arg.0 == region).flat_map(move |(buffer, (touched, arg))| {
            of(touched).iter().map(move |range| (buffer, range.start + arg.1..range.end + arg.1))
        })
    }
}

/// Proves a kernel by itself. Returns its accesses, counted in the source.
///
/// # Errors
/// If an access can leave its buffer or is not aligned, a store goes to a buffer that is only read, a name is out of scope, or an
/// index overflows.
pub fn kernel(kernel: &Kernel) -> Result<usize, Unproven> {
    Ok(facts(kernel)?.accesses)
}

/// What a call of a proven kernel reads before writing it: ranges of each buffer.
#[cfg(test)]
pub(crate) fn reads(kernel: &Kernel) -> Vec<Vec<Range<usize>>> {
    footprint::of(kernel).into_iter().map(|touched| touched.reads).collect()
}

fn facts(kernel: &Kernel) -> Result<KernelFacts, Unproven> {
    scope::kernel(kernel)?;
    let accesses = bounds::kernel(kernel)?;
    let largest_offset = overflow::kernel(kernel)?;
    let vectors = alignment::kernel(kernel)?;
    let touched = footprint::of(kernel);
    disjoint::kernel(kernel, &touched)?;
    Ok(KernelFacts { accesses, vectors, touched, largest_offset })
}

/// Proves a program: its kernels, and all calls of all its stages on its packed weights, whatever units a thread is given.
///
/// # Errors
/// The first thing that does not hold.
pub fn program(plan: &Plan, weights: &[f32]) -> Result<Proven, Unproven> {
    let program = Program { lives: liveness::lives(plan), ..Program::new(plan, weights)? };
    let sharing = liveness::maps(&program)?;
    let mut written = set::Set::new(plan.lengths.arena);
    for index in 0..plan.stages.len() {
        program.calls(index)?;
        liveness::stage(&program, index)?;
        disjoint::stage(&program, index)?;
        initialised::stage(&program, index, &mut written)?;
    }
    outputs::prove(&program, &written)?;
    let pad_lanes = padding::prove(&program)?;
    let largest = program.kernels.iter().map(|kernel| kernel.largest_offset).max().unwrap_or(0);
    Ok(Proven {
        kernels: kernels_proven(&program),
        stages: stages_proven(&program),
        maps: program.lives.len(),
        sharing,
        pad_lanes,
        largest_offset: largest.max(overflow::regions(&plan.lengths)?),
    })
}

/// Proves the stages of a trial, each by itself: its maps all have memory of their own, which holds something from the start.
///
/// # Errors
/// The first thing that does not hold.
pub fn stages(plan: &Plan, weights: &[f32]) -> Result<(), Unproven> {
    let program = Program::new(plan, weights)?;
    let mut written = set::Set::new(plan.lengths.arena);
    written.insert(0..plan.lengths.arena);
    for index in 0..plan.stages.len() {
        program.calls(index)?;
        disjoint::stage(&program, index)?;
        initialised::stage(&program, index, &mut written)?;
    }
    Ok(())
}

fn kernels_proven(program: &Program<'_>) -> Vec<KernelProven> {
    let sum = |ranges: &Vec<Range<usize>>| ranges.iter().map(Range::len).sum::<usize>();
    let mut calls: TiVec<KernelId, usize> = ti_vec![0; program.kernels.len()];
    program.units.iter().flatten().flat_map(|unit| unit.calls()).for_each(|call| calls[call.kernel] += 1);
    let facts = program.plan.kernels.iter().zip(&program.kernels).zip(calls);
    let proven = facts.map(|((kernel, facts), calls)| KernelProven {
        name: kernel.name.clone(),
        accesses: facts.accesses,
        reads: facts.touched.iter().map(|touched| sum(&touched.reads)).sum(),
        writes: facts.touched.iter().map(|touched| sum(&touched.writes)).sum(),
        aligned: facts.vectors.iter().filter(|&&vector| vector).count(),
        calls,
    });
    proven.collect()
}

fn stages_proven(program: &Program<'_>) -> Vec<StageProven> {
    let stages = program.plan.stages.iter().zip(&program.units);
    let proven = stages.map(|(stage, units)| StageProven {
        name: stage.code.name.clone(),
        units: stage.code.units,
        continued: units.iter().filter(|unit| unit.after.is_some()).count(),
        calls: units.iter().map(|unit| unit.calls().count()).sum(),
    });
    proven.collect()
}
