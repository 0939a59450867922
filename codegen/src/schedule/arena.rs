//! Places every map that outlives its stage in one arena. Maps that are never live together may share memory.

use typed_index_collections::TiVec;

use super::partition::Group;
use crate::layout::MapId;
use crate::network::layers::{LayerId, Layers};
use crate::plan::Place;

/// A map, where it is live, and how long it is.
struct Live {
    map: MapId,
    first: usize,
    last: usize,
    len: usize,
}

/// Places all maps except those inside chains, which get their places when the chain is lowered. Also returns the length of the
/// arena.
pub fn place(layers: &Layers, groups: &[Group], batch: usize) -> (TiVec<MapId, Place>, usize) {
    let mut places: TiVec<MapId, Place> = layers.maps.iter().map(|_| Place::Ring { offset: 0, rows: 0 }).collect();
    places[MapId(0)] = Place::Input;
    let mut lives: Vec<Live> = layers.maps.keys().skip(1).filter_map(|map| live(layers, groups, map, batch)).collect();
    // Large maps come first. Smaller ones then fit into the gaps.
    lives.sort_by_key(|live| (std::cmp::Reverse(live.len), live.first));
    let mut placed: Vec<(usize, Live)> = Vec::new();
    for live in lives {
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|(_, other)| other.first <= live.last && live.first <= other.last)
            .map(|(offset, other)| (*offset, offset + other.len))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (from, to) in taken {
            if offset + live.len <= from {
                break;
            }
            offset = offset.max(to);
        }
        places[live.map] = Place::Arena { offset };
        placed.push((offset, live));
    }
    let len = placed.iter().map(|(offset, live)| offset + live.len).max().unwrap_or(0);
    (places, len)
}

/// The stages in which a map is live; `None` if the map is inside one stage.
fn live(layers: &Layers, groups: &[Group], map: MapId, batch: usize) -> Option<Live> {
    let writes = |&layer: &LayerId| layers[layer].dst() == map;
    let reads = |&layer: &LayerId| layers[layer].sources().contains(&map);
    let first = groups.iter().position(|group| group.layers().iter().any(writes))?;
    let touched = groups.iter().rposition(|group| group.layers().iter().any(|layer| writes(layer) || reads(layer)))?;
    let is_output = layers.returns(map);
    if let Group::Chain { layers: chain, .. } = &groups[first] {
        let is_last = chain.last().is_some_and(writes);
        if !is_last && first == touched && !is_output {
            return None;
        }
    }
    let shape = &layers[map];
    let len = batch * shape.h * shape.w * shape.pitch();
    Some(Live { map, first, last: if is_output { groups.len() } else { touched }, len })
}
