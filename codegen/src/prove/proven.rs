//! What was proven of a plan.

use std::ops::Range;

use typed_index_collections::{TiVec, ti_vec};

use super::facts::Facts;
use crate::ir::kernel::KernelId;

/// What was proven of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// What was proven of each kernel.
    pub kernels: Vec<KernelProven>,
    /// What was proven of each stage.
    pub stages: Vec<StageProven>,
    /// How many maps there are, in the arena and in rings.
    pub maps: usize,
    /// How many pairs of maps share memory of the arena and are never live together.
    pub sharing: usize,
    /// How many pad lanes are zero, counted for each layer.
    pub pad_lanes: usize,
    /// The largest byte offset that any index reaches.
    pub largest_offset: usize,
}

/// What was proven of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelProven {
    /// Its name.
    pub name: String,
    /// How many loads, broadcasts, stores and prefetches are in bounds, each counted once, however often a loop runs it.
    pub accesses: usize,
    /// How many f32 a call reads that were written before.
    pub reads: usize,
    /// How many f32 a call writes that no other unit touches.
    pub writes: usize,
    /// How many buffers are aligned, as their vector accesses need.
    pub aligned: usize,
    /// How many calls are in bounds, in both ways in which units can run.
    pub calls: usize,
}

/// What was proven of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageProven {
    /// Its name.
    pub name: String,
    /// How many units it has. Any range of them may run on a thread.
    pub units: usize,
    /// How many units make other calls when they follow another unit than when they are the first of a range. They give the same
    /// results.
    pub continued: usize,
    /// How many calls it makes, in both ways in which units can run.
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
