//! Proves that every f32 that is read was written before, however units are split over threads, and that every split computes the
//! same.
//!
//! A range of units starts with scratch memory that holds nothing. Values are numbered by the computation that makes them: kernel,
//! constants, and the values it reads. With `F(u)` the scratch memory after unit `u` as the first of its range, three facts are
//! proven for each `u`: (1) `u` as the first reads only what the stages before or itself wrote; (2) run after `F(u - 1)`, it reads
//! only what is there, and gives the arena the same values as in (1); (3) then the scratch memory has all of `F(u)`. So by
//! induction over the units of a range, wherever it begins, scratch memory after `u` has all of `F(u)`: the unit after it finds
//! what it reads, and computes what it would compute as the first.

use std::collections::HashMap;

use crate::ir::stage::{Call, Region};

use super::facts::Facts;
use super::live::Live;
use super::set::Set;
use super::tags::{Piece, Tag, Tags};

/// A read of what was not written, or a unit that computes something else after another unit than as the first of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitialisedError {
    /// A call reads memory that nothing has written.
    #[error("{stage}, unit {unit}{way}: {kernel} reads {buffer} at {region:?} f32 {at}, which nothing has written")]
    Unwritten {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// Empty, or how the unit is run.
        way: &'static str,
        /// The kernel called.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// The region.
        region: Region,
        /// Where.
        at: usize,
    },
    /// A unit computes one thing as the first of its range, and another after the unit before it.
    #[error("{stage}, unit {unit}: leaves {region:?} f32 {at} different after the unit before it than as the first of its range")]
    Differs {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The region.
        region: Region,
        /// Where.
        at: usize,
    },
}

/// The unit runs as the first of a range.
const FIRST: &str = "";
/// The unit runs after another.
const AFTER: &str = " (after another)";

/// Memory during a stage.
#[derive(Clone, Debug, Default)]
struct State {
    /// What this unit wrote to the arena.
    arena: Tags,
    scratch: Tags,
}

struct StageValues<'a> {
    facts: &'a Facts<'a>,
    name: &'a str,
    /// The arena as the stages before left it.
    written: &'a Set,
    /// Maps of the arena that are live.
    maps: Vec<&'a Live>,
    numbers: HashMap<Vec<usize>, usize>,
}

/// Proves a stage after those that wrote `written`, and adds what it writes.
pub fn stage(facts: &Facts<'_>, index: usize, written: &mut Set) -> Result<(), InitialisedError> {
    for live in facts.lives.iter().filter(|live| live.first == index && live.region == Region::Arena) {
        written.remove(live.memory.clone());
    }
    let name = &facts.plan.stages[index].code.name;
    let mut stage = StageValues { facts, name, written, maps: maps(facts, index), numbers: HashMap::new() };
    let mut before = State::default();
    for (number, unit) in facts.units[index].iter().enumerate() {
        let mut first = State::default();
        stage.run(&unit.first, FIRST, &mut first)?;
        if let Some(calls) = &unit.after {
            before.arena = Tags::default();
            stage.run(calls, AFTER, &mut before)?;
            let differs = |region, at| InitialisedError::Differs { stage: name.clone(), unit: number, region, at };
            let arena = before.arena.first_lost(&first.arena).or_else(|| first.arena.first_lost(&before.arena));
            arena.map_or(Ok(()), |at| Err(differs(Region::Arena, at)))?;
            before.scratch.first_lost(&first.scratch).map_or(Ok(()), |at| Err(differs(Region::Scratch, at)))?;
        }
        before = first;
    }
    for call in facts.units[index].iter().flat_map(|unit| &unit.first) {
        facts.writes(call, Region::Arena).for_each(|(_, range)| written.insert(range));
    }
    Ok(())
}

/// The values that a stage of a proven plan leaves in each map of the arena. They are numbered by `numbers`, which several plans
/// can share.
#[cfg(test)]
pub fn values(facts: &Facts<'_>, index: usize, numbers: &mut HashMap<Vec<usize>, usize>) -> Tags {
    let mut written = Set::new(facts.plan.lengths.arena);
    written.insert(0..facts.plan.lengths.arena);
    let name = &facts.plan.stages[index].code.name;
    let maps = maps(facts, index);
    let mut stage = StageValues { facts, name, written: &written, maps, numbers: std::mem::take(numbers) };
    let mut arena = Tags::default();
    for unit in &facts.units[index] {
        let mut state = State::default();
        stage.run(&unit.first, FIRST, &mut state).unwrap();
        // Places are given as if each map had memory of its own.
        let place = |at: usize| stage.place(at).0 << 40 | stage.place(at).1;
        state.arena.each(|range, tag| {
            arena.write(place(range.start)..place(range.start) + range.len(), Tag { base: place(tag.base), ..tag });
        });
    }
    *numbers = stage.numbers;
    arena
}

fn maps<'a>(facts: &'a Facts<'_>, index: usize) -> Vec<&'a Live> {
    let here = |live: &&Live| live.region == Region::Arena && live.first <= index && index <= live.last;
    facts.lives.iter().filter(here).collect()
}

impl StageValues<'_> {
    /// The map that lies at a place of the arena, and the place in that map. The liveness proof refuses calls outside all maps.
    fn place(&self, at: usize) -> (usize, usize) {
        let map = self.maps.iter().find(|live| live.memory.contains(&at));
        map.map_or((usize::MAX >> 40, at), |live| (live.map.0, at - live.memory.start))
    }

    fn run(&mut self, calls: &[Call], way: &'static str, state: &mut State) -> Result<(), InitialisedError> {
        for call in calls {
            let value = self.value(call, way, state)?;
            for (buffer, (touched, &(region, base))) in self.facts.kernels[call.kernel].touched.iter().zip(&call.args).enumerate()
            {
                let tag = Tag { value, buffer, base };
                for range in &touched.writes {
                    let range = range.start + base..range.end + base;
                    match region {
                        Region::Scratch => state.scratch.write(range, tag),
                        _ => state.arena.write(range, tag),
                    }
                }
            }
        }
        Ok(())
    }

    /// The number of what a call computes.
    fn value(&mut self, call: &Call, way: &'static str, state: &State) -> Result<usize, InitialisedError> {
        let mut key = vec![call.kernel.0];
        for (buffer, (touched, &(region, base))) in self.facts.kernels[call.kernel].touched.iter().zip(&call.args).enumerate() {
            if touched.reads.is_empty() {
                continue;
            }
            key.push(region as usize);
            if matches!(region, Region::Input | Region::Weights) {
                key.push(base);
                continue;
            }
            for range in &touched.reads {
                let range = range.start + base..range.end + base;
                let own = if region == Region::Scratch { &state.scratch } else { &state.arena };
                let pieces = if own.is_empty() { vec![Piece { range, tag: None }] } else { own.pieces(range) };
                for Piece { range, tag } in pieces {
                    let missing = match (tag, region) {
                        (Some(_), _) => None,
                        (None, Region::Arena) => self.written.first_missing(range.clone()),
                        (None, _) => Some(range.start),
                    };
                    if let Some(at) = missing {
                        let kernel = &self.facts.plan.kernels[call.kernel];
                        let (kernel, buffer) = (kernel.name.clone(), kernel.buffers[buffer].name.clone());
                        let stage = self.name.to_string();
                        return Err(InitialisedError::Unwritten { stage, unit: call.unit, way, kernel, buffer, region, at });
                    }
                    match tag {
                        Some(tag) => key.extend([1, tag.value, tag.buffer, range.start - tag.base, range.len()]),
                        // What earlier stages left at a place counts as one value.
                        None => {
                            let (map, at) = self.place(range.start);
                            key.extend([0, map, at, range.len()]);
                        }
                    }
                }
            }
        }
        let next = self.numbers.len();
        Ok(*self.numbers.entry(key).or_insert(next))
    }
}
