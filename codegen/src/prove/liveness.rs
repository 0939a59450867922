//! Maps that overlap in memory are never live together, and every call stays in maps that its stage's layers read and write.
//! Where a map is live follows from the layers of the stages alone, not from the planner's own account.

use std::ops::Range;

use crate::ir::stage::{Call, Region};
use crate::layout::MapId;
use crate::network::layers::LayerId;
use crate::plan::{Place, Plan};

use super::Program;

/// A map in memory that is another's, or a call outside its maps.
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
        /// First f32 that is not of both any more.
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
    /// A call that touches what no layer of its stage has.
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

/// A map, where it lies and when it is needed.
#[derive(Clone, Debug)]
pub struct Live {
    /// The map.
    pub map: MapId,
    /// The arena, or scratch memory for a ring.
    pub region: Region,
    /// Its f32.
    pub memory: Range<usize>,
    /// The stage that writes it first.
    pub first: usize,
    /// The last stage that touches it; the number of stages if it is returned.
    pub last: usize,
}

impl Live {
    fn meets(&self, other: &Live) -> bool {
        self.region == other.region && self.first <= other.last && other.first <= self.last
    }
}

/// All maps but the network's input, where they are live.
pub fn lives(plan: &Plan) -> Vec<Live> {
    let mut lives: Vec<Live> = Vec::new();
    for (map, place) in plan.places.iter_enumerated() {
        let shape = &plan.layers[map];
        let row = shape.w * shape.pitch();
        let (region, offset, rows) = match *place {
            Place::Input => continue,
            Place::Arena { offset } => (Region::Arena, offset, plan.batch * shape.h),
            Place::Ring { offset, rows } => (Region::Scratch, offset, rows),
        };
        let touches = |layer: &LayerId| {
            let layer = &plan.layers[*layer];
            layer.dst() == map || layer.sources().contains(&map)
        };
        let mut stages = (0..plan.stages.len()).filter(|&stage| plan.stages[stage].layers.iter().any(touches));
        let Some(first) = stages.next() else { continue };
        let is_output = plan.layers.outputs.iter().any(|output| output.value.map == map);
        let last = if is_output { plan.stages.len() } else { stages.next_back().unwrap_or(first) };
        lives.push(Live { map, region, memory: offset..offset.saturating_add(rows * row), first, last });
    }
    lives
}

/// Proves that no two maps are in each other's way. Returns how many pairs share memory at different times.
pub fn maps(program: &Program<'_>) -> Result<usize, LivenessError> {
    let name = |live: &Live| program.plan.layers[live.map].name.clone();
    let mut shared = 0;
    for (index, a) in program.lives.iter().enumerate() {
        let (from, to, len) = (a.memory.start, a.memory.end, program.plan.lengths.of(a.region));
        if to > len {
            return Err(LivenessError::Beyond { map: name(a), region: a.region, from, to, len });
        }
        for b in &program.lives[..index] {
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
pub fn stage(program: &Program<'_>, index: usize) -> Result<(), LivenessError> {
    let planned = &program.plan.stages[index];
    let layers = || planned.layers.iter().map(|&layer| &program.plan.layers[layer]);
    let written: Vec<MapId> = layers().map(|layer| layer.dst()).collect();
    let touched: Vec<MapId> = layers().flat_map(|layer| layer.sources()).chain(written.iter().copied()).collect();
    let memory = |maps: &[MapId]| -> Vec<&Live> {
        program.lives.iter().filter(|live| live.first <= index && maps.contains(&live.map)).collect()
    };
    let (readable, writable) = (memory(&touched), memory(&written));
    let inside = |lives: &[&Live], region: Region, range: &Range<usize>| {
        lives.iter().any(|live| live.region == region && live.memory.start <= range.start && range.end <= live.memory.end)
    };
    let check = |call: &Call| {
        for (buffer, (touched, &(region, offset))) in program.kernels[call.kernel].touched.iter().zip(&call.args).enumerate() {
            if !matches!(region, Region::Arena | Region::Scratch) {
                continue;
            }
            for (does, ranges, lives) in [("reads", &touched.reads, &readable), ("writes", &touched.writes, &writable)] {
                let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { continue };
                let range = offset + first.start..offset + last.end;
                if !inside(lives, region, &range) {
                    let kernel = &program.plan.kernels[call.kernel];
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
    program.units[index].iter().flat_map(|unit| unit.calls()).try_for_each(check)
}
