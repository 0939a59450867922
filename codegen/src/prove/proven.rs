//! What was proven of a plan.

use std::ops::Range;

use typed_index_collections::{TiVec, ti_vec};

use super::facts::Facts;
use crate::ir::kernel::KernelId;

/// What was proven of a plan.
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

pub fn kernels(facts: &Facts<'_>) -> Vec<KernelProven> {
    let sum = |ranges: &Vec<Range<usize>>| ranges.iter().map(Range::len).sum::<usize>();
    let mut calls: TiVec<KernelId, usize> = ti_vec![0; facts.kernels.len()];
    facts.units.iter().flatten().flat_map(|unit| unit.calls()).for_each(|call| calls[call.kernel] += 1);
    let facts = facts.plan.kernels.iter().zip(&facts.kernels).zip(calls);
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

pub fn stages(facts: &Facts<'_>) -> Vec<StageProven> {
    let stages = facts.plan.stages.iter().zip(&facts.units);
    let proven = stages.map(|(stage, units)| StageProven {
        name: stage.code.name.clone(),
        units: stage.code.units,
        continued: units.iter().filter(|unit| unit.after.is_some()).count(),
        calls: units.iter().map(|unit| unit.calls().count()).sum(),
    });
    proven.collect()
}
