//! Decides where the operands of a concatenation lie in its map, and which layers write straight into it.
//!
//! Operands follow one another without gaps, or each begins a panel of 16 lanes. Layers that leave each channel in its lane can only write
//! whole panels, so where there are such, gaps cost less than copies.

use std::collections::{HashMap, HashSet};

use sartor_models::{Network, NodeId};

use super::fuse::{Fused, Steps};
use crate::layout::{PANEL, padded};

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

/// The layout of all concatenations.
pub(super) struct Places {
    /// For each value, the place that its step writes. A step without one writes a map of its own, from which operands are copied.
    of: Vec<Option<Place>>,
    /// The first lanes of each concatenation's operands.
    firsts: HashMap<NodeId, Vec<usize>>,
}

impl Places {
    /// The place that the step of a value writes, if that is a part of a map.
    pub(super) fn of(&self, id: NodeId) -> Option<Place> {
        self.of[id.0]
    }

    /// The first lanes of a concatenation's operands.
    pub(super) fn firsts(&self, concat: NodeId) -> &[usize] {
        &self.firsts[&concat]
    }
}

/// A reader of a value.
struct Use {
    reader: NodeId,
    /// Whether the reader picks single lanes, so that it can read a part of a map.
    picks: bool,
    /// Whether it can read whole panels of a map, even before the others are written.
    takes_panels: bool,
    /// Whether it can read a map that has gaps: lanes without channels between those that have some.
    takes_gaps: bool,
    /// Whether its own map then has the same gaps.
    passes_gaps: bool,
    /// The other map that it reads, which must have the same gaps.
    beside: Option<NodeId>,
}

/// Places the operands of all concatenations.
///
/// If a placed value has readers other than its concatenation that are not content with its panels, these come after the concatenation, when
/// the whole map is written. A kernel may read lanes that it does not use.
pub(super) fn place(network: &Network, fused: &Steps) -> Places {
    let uses = uses(network, fused);
    let mut placer = Placer { network, fused, uses, of: vec![None; network.nodes().len()], firsts: HashMap::new() };
    for (concat, step) in fused.iter() {
        if matches!(step.op, Fused::Concat { .. }) {
            placer.concat(concat, &step.inputs);
        }
    }
    Places { of: placer.of, firsts: placer.firsts }
}

/// How many steps of the network are looked at to find out whether gaps cost copies.
const FARTHEST: usize = 200;

struct Placer<'a> {
    network: &'a Network,
    fused: &'a Steps,
    uses: Vec<Vec<Use>>,
    of: Vec<Option<Place>>,
    firsts: HashMap<NodeId, Vec<usize>>,
}

impl Placer<'_> {
    /// Chooses the layout in which more channels need no copy.
    fn concat(&mut self, concat: NodeId, operands: &[NodeId]) {
        let channels = |&operand: &NodeId| self.network.node(operand).shape.c;
        let starts = |length: fn(usize) -> usize| {
            let mut end = 0;
            let start = |operand| {
                end += length(channels(operand));
                end - length(channels(operand))
            };
            operands.iter().map(start).collect::<Vec<usize>>()
        };
        let (close, spaced) = (starts(|c| c), starts(padded));
        let placed = |firsts: &[usize]| self.placed(concat, operands, firsts);
        let kept = |places: &[Option<NodeId>]| -> usize {
            operands.iter().zip(places).filter(|(_, place)| place.is_some()).map(|(operand, _)| channels(operand)).sum()
        };
        let all: usize = operands.iter().map(channels).sum();
        let with_gaps: usize = operands.iter().map(|operand| padded(channels(operand))).sum();
        let (mut firsts, mut places) = (close.clone(), placed(&close));
        if spaced != close && with_gaps <= 2 * padded(all) {
            let other = placed(&spaced);
            let channels: Vec<usize> = operands.iter().map(channels).collect();
            if kept(&other) > kept(&places) && self.gaps_pass(concat, &channels) {
                (firsts, places) = (spaced, other);
            }
        }
        let mut previous = concat;
        for (&lane, &place) in firsts.iter().zip(&places) {
            let Some(id) = place else {
                previous = concat;
                continue;
            };
            let waits = !lane.is_multiple_of(PANEL) && id < previous;
            self.of[id.0] = Some(Place { concat, lane, waits });
            previous = if waits { concat } else { id };
        }
        self.firsts.insert(concat, firsts);
    }

    /// Whether all readers of a concatenation, and those of what they make of it, do without a copy if it has gaps between its operands of so
    /// many `channels`. Where that takes long to find out, it is taken to be false.
    fn gaps_pass(&self, concat: NodeId, channels: &[usize]) -> bool {
        let (mut next, mut seen) = (vec![concat], HashSet::from([concat]));
        while let Some(id) = next.pop() {
            for reader in &self.uses[id.0] {
                let fits = reader.takes_gaps && reader.beside.is_none_or(|other| self.may_have_gaps(other, channels));
                if !fits || seen.len() > FARTHEST {
                    return false;
                }
                if reader.passes_gaps && seen.insert(reader.reader) {
                    next.push(reader.reader);
                }
            }
        }
        true
    }

    /// Whether a value can have such gaps as well without a copy, or is of one pixel, so that its copy costs nothing.
    fn may_have_gaps(&self, mut id: NodeId, channels: &[usize]) -> bool {
        for _ in 0..FARTHEST {
            let (step, node) = (self.fused.at(id), self.network.node(id));
            id = match (&step.op, &step.inputs[..]) {
                _ if node.shape.pixels() == 1 => return true,
                (Fused::Concat { .. }, operands) => {
                    return operands.iter().map(|operand| self.network.node(*operand).shape.c).eq(channels.iter().copied());
                }
                (Fused::Conv { .. }, &[_, shortcut]) => shortcut,
                (Fused::Conv { .. }, _) => return false,
                (_, &[first, ..]) if step.takes_gaps(self.network) => first,
                _ => return false,
            };
        }
        false
    }

    /// For each operand the value whose step writes it in its place; none where it must be copied.
    fn placed(&self, concat: NodeId, operands: &[NodeId], firsts: &[usize]) -> Vec<Option<NodeId>> {
        let mut taken: Vec<NodeId> = Vec::new();
        let mut places = Vec::new();
        for (i, (&operand, &lane)) in operands.iter().zip(firsts).enumerate() {
            let id = self.fused.writer(operand);
            let c = self.network.node(operand).shape.c;
            // Nothing else is ever written to its last panel.
            let alone = firsts.get(i + 1).is_none_or(|&next| next >= padded(lane + c));
            let mut readers = self.uses[id.0].iter();
            let readers_agree = readers.all(|reader| {
                let later = reader.picks && reader.reader > concat;
                reader.reader == concat || later || (reader.takes_panels && alone && lane.is_multiple_of(PANEL))
            });
            let once = self.uses[id.0].iter().filter(|reader| reader.reader == concat).count() == 1;
            // A part of a map is copied: the other lanes have no place in the concatenation.
            let entire = c == self.network.node(id).shape.c;
            let fits = self.fits(id, lane) && entire && once && readers_agree && self.of[id.0].is_none() && !taken.contains(&id);
            taken.extend(fits.then_some(id));
            places.push(fits.then_some(id));
        }
        places
    }

    /// Whether a step can write its result from a lane on.
    fn fits(&self, id: NodeId, lane: usize) -> bool {
        let writer = self.fused.at(id);
        let begins_panel = lane.is_multiple_of(PANEL);
        match writer.op {
            // If an operand begins within a group of 16 lanes, its results in the group's lower lanes must be zero: the lower
            // operand's values are added to them.
            Fused::Conv { act: Some(act), .. } if !act.keeps_zero() => begins_panel && writer.inputs.len() == 1,
            Fused::Conv { .. } => lane == 0 || writer.inputs.len() == 1,
            Fused::Pool { .. } | Fused::Depthwise { .. } => begins_panel,
            _ => false,
        }
    }
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
            let writer = fused.writer(input);
            let takes_panels = matches!(step.op, Fused::Depthwise { .. }) && writer == input;
            let takes_gaps = match step.op {
                Fused::Conv { .. } if i == 0 => true,
                _ => writer == input && step.takes_gaps(network),
            };
            // A mean has one pixel, which is copied at no cost.
            let passes_gaps = !matches!((&step.op, i), (Fused::Conv { .. }, 0) | (Fused::Reduce(_), _));
            let other = step.inputs.iter().copied().find(|&other| other != input);
            let beside = other.filter(|_| !matches!(step.op, Fused::Conv { .. } | Fused::Concat { .. }));
            uses[writer.0].push(Use { reader, picks, takes_panels, takes_gaps, passes_gaps, beside });
        }
    }
    for &(output, _) in fused.outputs.iter().flat_map(|tail| &tail.pieces) {
        let reader =
            Use { reader: output, picks: false, takes_panels: false, takes_gaps: false, passes_gaps: false, beside: None };
        uses[fused.writer(output).0].push(reader);
    }
    uses
}
