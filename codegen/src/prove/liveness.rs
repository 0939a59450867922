//! Proves that maps that overlap in memory are never live together, and that every call stays in maps that its stage's layers
//! read and write. When a map is live is derived from the layers of the stages alone, and not from what the planner says.

use std::ops::Range;

use crate::ir::stage::{Call, Region};
use crate::layout::MapId;

use super::facts::Facts;
use super::live::Live;

/// A map in memory that another map needs, or a call outside its maps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LivenessError {
    /// Two maps that are needed at the same time share memory.
    #[error("maps {a} and {b} overlap in {region:?} from {from} to {to}, and both are live in stage {stage}")]
    Overlap {
        /// A map.
        a: String,
        /// The other.
        b: String,
        /// Their region.
        region: Region,
        /// First f32 of both.
        from: usize,
        /// First f32 after those of both.
        to: usize,
        /// A stage that needs both.
        stage: usize,
    },
    /// A map that does not fit its region.
    #[error("map {map} lies in {region:?} from {from} to {to}, beyond {len}")]
    Beyond {
        /// The map.
        map: String,
        /// The region.
        region: Region,
        /// First f32.
        from: usize,
        /// First f32 after it.
        to: usize,
        /// Length of the region.
        len: usize,
    },
    /// A call that touches memory of no map of its stage's layers.
    #[error(
        "{stage}, unit {unit}: {kernel} {does} {buffer} in {region:?} from {from} to {to}, where no layer of the stage {does} a map"
    )]
    Foreign {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// `reads` or `writes`.
        does: &'static str,
        /// The buffer.
        buffer: String,
        /// The region.
        region: Region,
        /// First f32.
        from: usize,
        /// First f32 after.
        to: usize,
    },
}

/// Proves that no two maps need the same memory at the same time. Returns how many pairs share memory at different times.
pub fn maps(facts: &Facts<'_>) -> Result<usize, LivenessError> {
    let name = |live: &Live| facts.plan.layers[live.map].name.clone();
    let mut shared = 0;
    for (index, a) in facts.lives.iter().enumerate() {
        let (from, to, len) = (a.memory.start, a.memory.end, facts.plan.lengths.of(a.region));
        if to > len {
            return Err(LivenessError::Beyond { map: name(a), region: a.region, from, to, len });
        }
        for b in &facts.lives[..index] {
            let (from, to) = (from.max(b.memory.start), to.min(b.memory.end));
            if from < to && a.meets(b) {
                let stage = a.first.max(b.first);
                return Err(LivenessError::Overlap { a: name(b), b: name(a), region: a.region, from, to, stage });
            }
            shared += usize::from(from < to && a.region == Region::Arena && b.region == Region::Arena);
        }
    }
    Ok(shared)
}

/// Proves that the calls of a stage read and write maps of its layers only, each buffer in one map.
pub fn stage(facts: &Facts<'_>, index: usize) -> Result<(), LivenessError> {
    let planned = &facts.plan.stages[index];
    let layers = || planned.layers.iter().map(|&layer| &facts.plan.layers[layer]);
    let written: Vec<MapId> = layers().map(|layer| layer.dst()).collect();
    let touched: Vec<MapId> = layers().flat_map(|layer| layer.sources()).chain(written.iter().copied()).collect();
    let memory = |maps: &[MapId]| -> Vec<&Live> {
        facts.lives.iter().filter(|live| live.first <= index && maps.contains(&live.map)).collect()
    };
    let (readable, writable) = (memory(&touched), memory(&written));
    let inside = |lives: &[&Live], region: Region, range: &Range<usize>| {
        lives.iter().any(|live| live.region == region && live.memory.start <= range.start && range.end <= live.memory.end)
    };
    let check = |call: &Call| {
        for (buffer, (touched, &(region, offset))) in facts.kernels[call.kernel].touched.iter().zip(&call.args).enumerate() {
            if !matches!(region, Region::Arena | Region::Scratch) {
                continue;
            }
            for (does, ranges, lives) in [("reads", &touched.reads, &readable), ("writes", &touched.writes, &writable)] {
                let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { continue };
                let range = offset + first.start..offset + last.end;
                if !inside(lives, region, &range) {
                    let kernel = &facts.plan.kernels[call.kernel];
                    return Err(LivenessError::Foreign {
                        stage: planned.code.name.clone(),
                        unit: call.unit,
                        kernel: kernel.name.clone(),
                        does,
                        buffer: kernel.buffers[buffer].name.clone(),
                        region,
                        from: range.start,
                        to: range.end,
                    });
                }
            }
        }
        Ok(())
    };
    facts.units[index].iter().flat_map(|unit| unit.calls()).try_for_each(check)
}
