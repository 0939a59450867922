//! A program for measuring. It does not compute a network, but some of its layers in many ways.

use std::collections::BTreeSet;

use typed_index_collections::TiVec;

use super::options::Options;
use super::partition;
use super::stages::Schedule;
use super::tuning::Choice;
use crate::layout::{MapId, PANEL};
use crate::network::layers::{LayerId, Normalized};
use crate::network::pack::{Packed, PackedLayer, pack_some};
use crate::plan::{Place, Plan};

/// A plan whose stages are ways to compute layers of a network, each by itself and all on the same maps. Nothing is proven of it.
pub fn trial(layers: &Normalized, options: &Options, stages: &[(Vec<LayerId>, Choice)]) -> (Plan, Packed) {
    let used: BTreeSet<LayerId> = stages.iter().flat_map(|(layers, _)| layers.iter().copied()).collect();
    let mut packed = pack_some(layers, |index| used.contains(&index));
    // In a network, the weights of other layers follow, and are fetched ahead.
    let longest = packed.layers.iter().filter_map(|layer| match layer {
        PackedLayer::Conv(runs) => runs.iter().map(|run| PANEL * (1 + run.segments.iter().map(|s| s.len).sum::<usize>())).max(),
        _ => None,
    });
    let more = AHEAD * longest.max().unwrap_or(0);
    packed.data.resize(packed.data.len() + more, 0.0);
    let touched = used.iter().map(|&index| &layers[index]);
    let maps: BTreeSet<MapId> = touched.flat_map(|layer| layer.sources().into_iter().chain([layer.dst()])).collect();
    let mut places: TiVec<MapId, Place> = layers.maps.iter().map(|_| Place::Ring { offset: 0, rows: 0 }).collect();
    let mut arena = 0;
    for map in maps {
        if map == MapId(0) {
            places[map] = Place::Input;
            continue;
        }
        places[map] = Place::Arena { offset: arena };
        let shape = &layers[map];
        arena += options.batch * shape.h * shape.w * shape.pitch();
    }
    let group = |(stage, choice): &(Vec<LayerId>, Choice)| partition::group(layers, stage, choice, options.threads);
    let schedule = Schedule { groups: stages.iter().map(group).collect(), places, arena };
    let mut plan = schedule.plan(layers, &packed, options);
    // A map that lies in a ring for some stages is whole for stages that begin or end with it. A trial returns no output.
    plan.places = schedule.places;
    (plan.unpack, plan.output_len) = (Vec::new(), 0);
    (plan, packed)
}

/// How many panels of weights follow those of a trial: as many as any choice fetches ahead.
const AHEAD: usize = 32;
