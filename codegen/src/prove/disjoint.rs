//! Proves four things. No two units of a stage write the same f32 of the arena, and none reads what another writes. The buffers
//! of a call do not overlap where it writes. No f32 of the arena is written by two calls of a stage. No call stores over a value
//! that nothing has read.

use std::ops::Range;

use crate::ir::kernel::{Buffer, Kernel};
use crate::ir::stage::{Call, Region};

use super::facts::Facts;
use super::footprint::Touched;
use super::set::Set;

/// Memory that is used twice where it must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisjointError {
    /// A call that stores to a place twice without reading in between.
    #[error("kernel {kernel}: a store to {buffer} at f32 {at} overwrites what nothing has read")]
    Overwrites {
        /// The kernel.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// Where in the buffer.
        at: usize,
    },
    /// Two calls write the same.
    #[error("{stage}, unit {unit}: {kernel} writes {buffer} at arena f32 {at}, which another call of the stage writes too")]
    WrittenTwice {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// Where in the arena.
        at: usize,
    },
    /// A unit reads what another writes.
    #[error("{stage}, unit {unit}: {kernel} reads {buffer} at arena f32 {at}, which another unit writes")]
    ReadWhileWritten {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// Where in the arena.
        at: usize,
    },
    /// Two buffers of a call share memory that the call writes.
    #[error("{stage}, unit {unit}: {kernel} is called with {written} and {other}, which overlap in {region:?} from {at}")]
    Aliased {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// The buffer that is written.
        written: String,
        /// The other.
        other: String,
        /// The region.
        region: Region,
        /// Where.
        at: usize,
    },
}

/// Proves that a kernel stores no value in vain.
pub fn kernel(kernel: &Kernel, touched: &[Touched]) -> Result<(), DisjointError> {
    let overwrites = |(touched, buffer): (&Touched, &Buffer)| {
        let (kernel, buffer) = (kernel.name.clone(), buffer.name.clone());
        touched.overwritten.map(|at| DisjointError::Overwrites { kernel, buffer, at })
    };
    touched.iter().zip(&kernel.buffers).find_map(overwrites).map_or(Ok(()), Err)
}

/// Proves a stage. What units read is checked in both ways in which a unit can run. What they write is checked as the first of a
/// range alone: after another unit a unit writes the same, which [`super::initialised`] proves.
pub fn stage(facts: &Facts<'_>, index: usize) -> Result<(), DisjointError> {
    let stage = &facts.plan.stages[index].code.name;
    let arena = facts.plan.lengths.arena;
    let (mut written, mut read) = (Set::new(arena), Set::new(arena));
    for (unit, planned) in facts.units[index].iter().enumerate() {
        let fail = |call: &Call, buffer: usize, at: usize, twice: bool| {
            let kernel = &facts.plan.kernels[call.kernel];
            let (stage, kernel, buffer) = (stage.clone(), kernel.name.clone(), kernel.buffers[buffer].name.clone());
            match twice {
                true => DisjointError::WrittenTwice { stage, unit, kernel, buffer, at },
                false => DisjointError::ReadWhileWritten { stage, unit, kernel, buffer, at },
            }
        };
        for call in planned.calls() {
            aliases(facts, stage, call)?;
            for (buffer, range) in facts.reads(call, Region::Arena) {
                if let Some(at) = written.first_present(range) {
                    return Err(fail(call, buffer, at, false));
                }
            }
        }
        for call in &planned.first {
            for (buffer, range) in facts.writes(call, Region::Arena) {
                if let Some(at) = written.first_present(range.clone()) {
                    return Err(fail(call, buffer, at, true));
                }
                if let Some(at) = read.first_present(range.clone()) {
                    return Err(fail(call, buffer, at, false));
                }
                written.insert(range);
            }
        }
        for call in planned.calls() {
            facts.reads(call, Region::Arena).for_each(|(_, range)| read.insert(range));
        }
    }
    Ok(())
}

/// Proves that what a call writes does not overlap its other buffers.
fn aliases(facts: &Facts<'_>, stage: &str, call: &Call) -> Result<(), DisjointError> {
    let kernel = &facts.plan.kernels[call.kernel];
    let touched = &facts.kernels[call.kernel].touched;
    let shifted = |buffer: usize, range: &Range<usize>| range.start + call.args[buffer].1..range.end + call.args[buffer].1;
    for (a, (region, start)) in call.args.iter().enumerate().filter(|(a, _)| !touched[*a].writes.is_empty()) {
        for (b, (other, other_start)) in call.args.iter().enumerate() {
            let apart = start + kernel.buffers[a].len <= *other_start || other_start + kernel.buffers[b].len <= *start;
            if a == b || region != other || apart {
                continue;
            }
            let writes = touched[a].writes.iter().map(|range| shifted(a, range));
            let others: Vec<_> = touched[b].reads.iter().chain(&touched[b].writes).map(|range| shifted(b, range)).collect();
            let mut both =
                writes.flat_map(|write| others.iter().map(move |range| write.start.max(range.start)..write.end.min(range.end)));
            if let Some(overlap) = both.find(|overlap| !overlap.is_empty()) {
                return Err(DisjointError::Aliased {
                    stage: stage.to_string(),
                    unit: call.unit,
                    kernel: kernel.name.clone(),
                    written: kernel.buffers[a].name.clone(),
                    other: kernel.buffers[b].name.clone(),
                    region: *region,
                    at: overlap.start,
                });
            }
        }
    }
    Ok(())
}
