//! Decides which layers write straight into the map of a concatenation.

use sartor_models::{Network, NodeId};

use super::fuse::{Fused, Steps};

/// The place in a concatenation's map that a step writes.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The concatenation.
    pub concat: NodeId,
    /// First lane.
    pub lane: usize,
    /// Whether the step must wait for its turn among the operands. It must where it shares 16 lanes with the operand below it,
    /// which must be written first.
    pub waits: bool,
}

/// A reader of a value.
struct Use {
    reader: NodeId,
    /// Whether the reader picks single lanes, so that it can read a part of a map.
    picks: bool,
}

/// For each value, the place that its step writes. A step without one writes a map of its own, from which operands are copied.
///
/// If a placed value has readers other than its concatenation, these come after the concatenation, when the whole map is written.
/// A kernel may read lanes that it does not use.
pub(super) fn place(network: &Network, fused: &Steps) -> Vec<Option<Place>> {
    let uses = uses(network, fused);
    let mut places: Vec<Option<Place>> = vec![None; uses.len()];
    for (concat, step) in fused.iter() {
        if !matches!(step.op, Fused::Concat { .. }) {
            continue;
        }
        let mut lane = 0usize;
        let mut previous = concat;
        for &operand in &step.inputs {
            let id = fused.writer(operand);
            let writer = fused.at(id);
            let fits = match writer.op {
                // If an operand begins within a group of 16 lanes, its results in the group's lower lanes must be zero: the lower
                // operand's values are added to them.
                Fused::Conv { act: Some(act), .. } if !act.keeps_zero() => lane.is_multiple_of(16) && writer.inputs.len() == 1,
                Fused::Conv { .. } => lane == 0 || writer.inputs.len() == 1,
                Fused::Pool { .. } => lane == 0,
                _ => false,
            };
            let once = uses[id.0].iter().filter(|u| u.reader == concat).count() == 1;
            let others_pick_later = uses[id.0].iter().all(|u| u.reader == concat || (u.picks && u.reader > concat));
            // A part of a map is copied: the other lanes have no place in the concatenation.
            let entire = network.node(operand).shape.c == network.node(id).shape.c;
            if fits && entire && once && others_pick_later && places[id.0].is_none() {
                let waits = !lane.is_multiple_of(16) && id < previous;
                places[id.0] = Some(Place { concat, lane, waits });
                previous = if waits { concat } else { id };
            } else {
                previous = concat;
            }
            lane += network.node(operand).shape.c;
        }
    }
    places
}

fn uses(network: &Network, fused: &Steps) -> Vec<Vec<Use>> {
    let mut uses: Vec<Vec<Use>> = network.nodes().iter().map(|_| Vec::new()).collect();
    for (reader, step) in fused.iter() {
        for (i, &input) in step.inputs.iter().enumerate() {
            let picks = match step.op {
                Fused::Conv { .. } => i == 0,
                Fused::Concat { .. } | Fused::Move { .. } => true,
                Fused::Shuffle { .. } | Fused::Slice { .. } => continue,
                _ => false,
            };
            uses[fused.writer(input).0].push(Use { reader, picks });
        }
    }
    for &(output, _) in fused.outputs.iter().flat_map(|tail| &tail.pieces) {
        uses[fused.writer(output).0].push(Use { reader: output, picks: false });
    }
    uses
}
