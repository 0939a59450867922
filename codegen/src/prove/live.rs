//! When maps are live. This is derived from the layers of the stages alone, and not from what the planner says.

use std::ops::Range;

use crate::ir::stage::Region;
use crate::layout::{MapId, Place};
use crate::network::layers::LayerId;
use crate::plan::Plan;

/// A map, where it lies and when it is needed.
#[derive(Clone, Debug)]
pub struct Live {
    /// The map.
    pub map: MapId,
    /// The arena, or scratch memory for a ring.
    pub region: Region,
    /// The f32 that it occupies.
    pub memory: Range<usize>,
    /// The stage that writes it first.
    pub first: usize,
    /// The last stage that touches it; the number of stages if it is returned.
    pub last: usize,
}

impl Live {
    /// Whether both maps are needed at the same time, in the same region.
    pub fn meets(&self, other: &Live) -> bool {
        self.region == other.region && self.first <= other.last && other.first <= self.last
    }
}

/// All maps except the network's input, with the stages in which they are live.
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
        let last = if plan.layers.returns(map) { plan.stages.len() } else { stages.next_back().unwrap_or(first) };
        lives.push(Live { map, region, memory: offset..offset.saturating_add(rows * row), first, last });
    }
    lives
}
