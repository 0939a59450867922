//! Changes one number of a plan, or moves one map. The proof must refuse the mutant, or the interpreter must give other results,
//! or the mutant must be equivalent: it computes the same values, symbol by symbol, at the same places of the arena.

use std::collections::{BTreeMap, HashMap};

use sartor_kernels::report::{checked, figure};
use sartor_kernels::runtime::Level;

use super::numbers::{self, Kind};
use super::sample::{images, layers};
use crate::interpret;
use crate::ir::stage::Region;
use crate::layout::MapId;
use crate::plan::{Copied, Place, Plan, Unpack};
use crate::prove::facts::Facts;
use crate::prove::{self, Unproven, initialised, live};
use crate::schedule::{Options, Schedule};

/// Mutants of one kind, by what became of them.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Those that the proof refuses, by property.
    proof: BTreeMap<&'static str, usize>,
    interpreter: usize,
    equivalent: usize,
    survived: usize,
}

/// The property that an error is about.
fn property(error: &Unproven) -> &'static str {
    match error {
        Unproven::Scope(_) => "scope",
        Unproven::Bounds(_) => "bounds",
        Unproven::Overflow(_) => "overflow",
        Unproven::Alignment(_) => "alignment",
        Unproven::Units(_) => "units",
        Unproven::Liveness(_) => "liveness",
        Unproven::Disjoint(_) => "disjoint",
        Unproven::Initialised(_) => "initialised",
        Unproven::Padding(_) => "padding",
        Unproven::Output(_) => "output",
    }
}

/// What a plan computes on images drawn from a seed, with this number of threads.
fn result(plan: &Plan, weights: &[f32], (seed, threads): (u64, usize)) -> Vec<u32> {
    interpret::plan(plan, weights, &images(plan, seed), threads).1.into_iter().map(f32::to_bits).collect()
}

/// The seeds of the images and the numbers of threads that mutants are tried on.
const RUNS: [(u64, usize); 3] = [(1, 2), (2, 1), (3, 3)];

/// Whether two proven plans leave the same values in every map after every stage, and return the same ones.
fn is_equivalent(a: &Plan, b: &Plan, weights: &[f32]) -> bool {
    let [a, b] = [a, b].map(|plan| Facts { lives: live::lives(plan), ..prove::facts(plan, weights).unwrap() });
    let returned = |program: &Facts<'_>| -> Vec<_> {
        let ends = |live: &&live::Live| live.region == Region::Arena && live.last == program.plan.stages.len();
        let map = |src: usize| program.lives.iter().filter(ends).find(|live| live.memory.start == src).map(|live| live.map);
        let moved = |unpack: &Unpack| {
            let pieces = unpack.pieces.iter().map(|piece| Copied { src: 0, ..piece.clone() }).collect();
            (unpack.pieces.iter().map(|piece| map(piece.src)).collect::<Vec<_>>(), Unpack { pieces, ..unpack.clone() })
        };
        program.plan.unpack.iter().map(moved).collect()
    };
    if returned(&a) != returned(&b) || a.plan.output_len != b.plan.output_len {
        return false;
    }
    (0..a.plan.stages.len()).all(|stage| {
        let mut known = HashMap::new();
        let (a, b) = (initialised::values(&a, stage, &mut known), initialised::values(&b, stage, &mut known));
        a.first_lost(&b).is_none() && b.first_lost(&a).is_none()
    })
}

struct Hunt<'a> {
    plan: &'a Plan,
    weights: &'a [f32],
    results: Vec<Vec<u32>>,
    tallies: &'a mut BTreeMap<Kind, Tally>,
}

impl Hunt<'_> {
    fn judge(&mut self, kind: Kind, mutant: &Plan, what: &str) {
        let refused = prove::plan(mutant, self.weights).err();
        let differs = || RUNS.iter().zip(&self.results).any(|(run, expected)| result(mutant, self.weights, *run) != *expected);
        let tally = self.tallies.entry(kind).or_default();
        match refused {
            Some(error) => *tally.proof.entry(property(&error)).or_default() += 1,
            None if is_equivalent(self.plan, mutant, self.weights) => tally.equivalent += 1,
            None if differs() => tally.interpreter += 1,
            None => {
                println!("{}: {kind:?}: {what} survives", self.plan.level);
                tally.survived += 1;
            }
        }
    }

    /// Changes each number by one, and by a panel where that keeps addresses aligned.
    fn numbers(&mut self) {
        let mut all = Vec::new();
        numbers::each(&mut self.plan.clone(), &mut |kind, number| all.push((kind, *number)));
        for (target, &(kind, number)) in all.iter().enumerate() {
            let aligned = matches!(kind, Kind::PointerOffset | Kind::PackOffset | Kind::Output);
            let steps: &[usize] = if aligned { &[1, 16] } else { &[1] };
            for changed in steps.iter().flat_map(|step| [number.checked_add(*step), number.checked_sub(*step)]).flatten() {
                let mut mutant = self.plan.clone();
                let mut at = 0;
                numbers::each(&mut mutant, &mut |_, number| {
                    if at == target {
                        *number = changed;
                    }
                    at += 1;
                });
                self.judge(kind, &mutant, &format!("number {target}, {changed} for {number}"));
            }
        }
    }

    /// Changes each ring by a row, in all places that depend on its size.
    fn rings(&mut self) {
        for map in self.plan.places.keys() {
            let Place::Ring { rows, .. } = self.plan.places[map] else { continue };
            for changed in [rows + 1, rows - 1].into_iter().filter(|&rows| rows > 0) {
                let mut mutant = self.plan.clone();
                if let Place::Ring { rows, .. } = &mut mutant.places[map] {
                    *rows = changed;
                }
                let writes =
                    |stage: &crate::plan::StagePlan| stage.layers.iter().any(|&layer| self.plan.layers[layer].dst() == map);
                let stage = self.plan.stages.iter().position(writes).unwrap();
                let mut found = 0;
                numbers::each(&mut mutant, &mut |kind, number| {
                    if kind == Kind::Units {
                        found += 1;
                    }
                    if kind == Kind::Modulo && found == stage + 1 && *number == rows {
                        *number = changed;
                    }
                });
                self.judge(Kind::RingDepth, &mutant, &format!("ring of {} with {changed} rows", self.plan.layers[map].name));
            }
        }
    }
}

/// Plans in which one map was placed elsewhere before anything was lowered: one panel or one row off, or where another map dies
/// in the very stage that first needs this one.
fn moved(plan: &Plan) -> Vec<(Kind, MapId, usize)> {
    let lives = live::lives(plan);
    let arena: Vec<_> = lives.iter().filter(|live| live.region == Region::Arena).collect();
    let mut moves = Vec::new();
    for live in &arena {
        let map = &plan.layers[live.map];
        let row = map.w * map.pitch();
        let steps = [live.memory.start.checked_add(16), live.memory.start.checked_sub(16)];
        let rows = [live.memory.start.checked_add(row), live.memory.start.checked_sub(row)];
        moves.extend(steps.into_iter().chain(rows).flatten().map(|offset| (Kind::Placement, live.map, offset)));
        for other in arena.iter().filter(|other| other.last == live.first && other.map != live.map) {
            moves.push((Kind::Liveness, live.map, other.memory.start));
        }
    }
    moves
}

/// All mutants of the sample's plan for some options.
fn hunt(options: &Options) -> BTreeMap<Kind, Tally> {
    let (layers, packed) = layers();
    let mut tallies = BTreeMap::new();
    let schedule = Schedule::new(&layers, options).unwrap();
    let plan = schedule.plan(&layers, &packed, options);
    prove::plan(&plan, &packed.data).unwrap();
    let results = RUNS.map(|run| result(&plan, &packed.data, run)).to_vec();
    let mut hunt = Hunt { plan: &plan, weights: &packed.data, results, tallies: &mut tallies };
    hunt.numbers();
    hunt.rings();
    for (kind, map, offset) in moved(&plan) {
        let mut moved = schedule.clone();
        moved.places[map] = Place::Arena { offset };
        let mutant = moved.plan(&layers, &packed, options);
        hunt.judge(kind, &mutant, &format!("map {} at {offset}", layers[map].name));
    }
    tallies
}

#[test]
fn every_mutant_of_a_plan_that_computes_something_else_is_caught() {
    // Once with one image, fused; once with two, layer by layer.
    let runs = [(Level::Avx512, 1), (Level::Avx512, 2), (Level::Avx2, 1), (Level::Neon, 1), (Level::Portable, 2)];
    let options = runs.map(|(level, batch)| Options { batch, fuse: batch == 1, ..Options::new(level) });
    let found: Vec<_> = std::thread::scope(|scope| {
        let hunts: Vec<_> = options.iter().map(|options| scope.spawn(|| hunt(options))).collect();
        hunts.into_iter().map(|hunt| hunt.join().unwrap()).collect()
    });
    let mut tallies: BTreeMap<Kind, Tally> = BTreeMap::new();
    for (options, found) in options.iter().zip(found) {
        let killed: usize = found.values().map(|tally| tally.interpreter + tally.proof.values().sum::<usize>()).sum();
        checked(options.level.name(), killed, "mutants of plans killed");
        for (kind, tally) in found {
            let sum = tallies.entry(kind).or_default();
            tally.proof.into_iter().for_each(|(property, count)| *sum.proof.entry(property).or_default() += count);
            sum.interpreter += tally.interpreter;
            sum.equivalent += tally.equivalent;
            sum.survived += tally.survived;
        }
    }
    println!("{:14} {:>8} {:>12} {:>9} {:>11}  by property", "number", "proof", "interpreter", "survived", "equivalent");
    for (kind, tally) in &tallies {
        let Tally { proof, interpreter, equivalent, survived } = tally;
        let by: Vec<String> = proof.iter().map(|(property, count)| format!("{property} {count}")).collect();
        let proof: usize = proof.values().sum();
        let kind = format!("{kind:?}");
        println!("{kind:14} {proof:8} {interpreter:12} {survived:9} {equivalent:11}  {}", by.join(", "));
        assert!(proof + interpreter > 0, "no {kind} was caught");
    }
    let proof: usize = tallies.values().flat_map(|tally| tally.proof.values()).sum();
    let interpreter: usize = tallies.values().map(|tally| tally.interpreter).sum();
    let survived: usize = tallies.values().map(|tally| tally.survived).sum();
    let all = proof + interpreter + survived;
    let killed = format!("{} of {all}, {proof} by the proof, {interpreter} by the interpreter", all - survived);
    println!("mutants of plans killed: {killed}");
    figure("mutants of plans killed", &killed);
    assert_eq!(survived, 0, "mutants survived");
    assert!(proof > 4000 && tallies.len() == 12, "too few mutants to tell");
}
