//! A program for measuring: not a network, but many ways to compute some of its layers.

use std::collections::BTreeSet;

use super::partition::{self, Group};
use super::{Options, Place, Plan, PlanError, lower};
use crate::layout::MapId;
use crate::layout::PANEL;
use crate::network::layers::Layers;
use crate::network::pack::{Packed, PackedLayer, pack_some};
use crate::prove;
use crate::schedule::tuning::Choice;

/// A program whose stages are ways to compute layers of a network, each by itself and all from the same maps.
///
/// # Errors
/// If memory is too large, or a stage cannot be proven.
pub fn trial(layers: &Layers, options: &Options, stages: &[(Vec<usize>, Choice)]) -> Result<(Plan, Packed), PlanError> {
    let used: BTreeSet<usize> = stages.iter().flat_map(|(layers, _)| layers.iter().copied()).collect();
    let mut packed = pack_some(layers, |index| used.contains(&index));
    // In a network other weights follow, which are fetched ahead.
    let longest = packed.layers.iter().filter_map(|layer| match layer {
        PackedLayer::Conv(runs) => runs.iter().map(|run| PANEL * (1 + run.segments.iter().map(|s| s.len).sum::<usize>())).max(),
        _ => None,
    });
    let more = AHEAD * longest.max().unwrap_or(0);
    packed.data.resize(packed.data.len() + more, 0.0);
    let touched = used.iter().map(|&index| &layers.layers[index]);
    let maps: BTreeSet<MapId> = touched.flat_map(|layer| layer.sources().into_iter().chain([layer.dst()])).collect();
    let mut places = vec![Place::Ring { offset: 0, rows: 0 }; layers.maps.len()];
    let mut arena = 0;
    for map in maps {
        if map == MapId(0) {
            places[0] = Place::Input;
            continue;
        }
        places[map.0] = Place::Arena { offset: arena };
        let shape = &layers.maps[map.0];
        arena += options.batch * shape.h * shape.w * shape.pitch();
    }
    let groups: Vec<Group> =
        stages.iter().map(|(stage, choice)| partition::group(layers, stage, choice, options.threads)).collect();
    let options = Options { tuning: Default::default(), ..options.clone() };
    let mut plan = lower(layers, &packed, options, &groups, places.clone(), arena, (Vec::new(), 0));
    // What lies in a ring for some stages is whole for those that begin or end there.
    plan.places = places;
    prove::stages(&plan, &packed.data)?;
    Ok((plan, packed))
}

/// Panels of weights behind those of a trial: as many as any choice fetches ahead.
const AHEAD: usize = 32;
