//! Changes one number of a kernel, by one and by one register. If that changes what is accessed, the proof must catch it, or the
//! interpreter between guards. The counts of both are printed, by kind of number and by family.

use std::collections::BTreeMap;

use sartor_kernels::report::{checked, figure};
use sartor_kernels::runtime::Level;
use sartor_models::Reduction;
use sartor_ops::Winograd;

use super::*;
use crate::ir::kernel::{Address, Stmt, Value, Var};
use crate::lower::direct::Source;
use crate::lower::window::{Kind, Window};
use crate::lower::winograd::FromTiles;
use crate::lower::{direct, eltwise, pointwise};

/// What a number of a kernel means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Offset,
    Stride,
    Count,
    Lanes,
}

/// Calls `change` with every number of a kernel that says what is accessed.
fn numbers(body: &mut [Stmt], change: &mut impl FnMut(Number, &mut usize)) {
    let address = |at: &mut Address, change: &mut dyn FnMut(Number, &mut usize)| {
        change(Number::Offset, &mut at.offset);
        at.terms.iter_mut().for_each(|(_, stride)| change(Number::Stride, stride));
    };
    for stmt in body {
        match stmt {
            Stmt::For { count, body, .. } => {
                change(Number::Count, count);
                numbers(body, change);
            }
            Stmt::Let(_, Value::Load(at) | Value::Broadcast(at)) | Stmt::Set(_, Value::Load(at) | Value::Broadcast(at)) => {
                address(at, change);
            }
            Stmt::Let(_, Value::FirstLanes(_, lanes)) | Stmt::Set(_, Value::FirstLanes(_, lanes)) => {
                change(Number::Lanes, lanes);
            }
            Stmt::Store(at, _) | Stmt::Clear(at) | Stmt::Prefetch(at) => address(at, change),
            Stmt::Move(to, from) => {
                address(from, change);
                address(to, change);
            }
            _ => {}
        }
    }
}

/// All accesses of a run, and all lanes that it clears, in order. Prefetches are left out: they change nothing that can be seen.
fn trace(body: &[Stmt], vars: &mut BTreeMap<Var, usize>, accesses: &mut Vec<(usize, usize)>) {
    let place = |at: &Address, vars: &BTreeMap<Var, usize>| {
        let reach: usize = at.terms.iter().map(|(var, stride)| vars[var] * stride).sum();
        (at.buffer.0, at.offset + reach)
    };
    for stmt in body {
        match stmt {
            Stmt::For { var, count, body } => {
                for i in 0..*count {
                    vars.insert(*var, i);
                    trace(body, vars, accesses);
                }
            }
            Stmt::Let(_, Value::Load(at) | Value::Broadcast(at))
            | Stmt::Set(_, Value::Load(at) | Value::Broadcast(at))
            | Stmt::Store(at, _)
            | Stmt::Clear(at) => accesses.push(place(at, vars)),
            Stmt::Move(to, from) => accesses.extend([place(from, vars), place(to, vars)]),
            Stmt::Let(_, Value::FirstLanes(_, lanes)) | Stmt::Set(_, Value::FirstLanes(_, lanes)) => {
                accesses.push((usize::MAX, *lanes));
            }
            _ => {}
        }
    }
}

fn accesses(kernel: &Kernel) -> Vec<(usize, usize)> {
    let mut accesses = Vec::new();
    trace(&kernel.body, &mut BTreeMap::new(), &mut accesses);
    accesses
}

/// Mutants of one kind.
#[derive(Clone, Copy, Default)]
struct Tally {
    proof: usize,
    interpreter: usize,
    survived: usize,
    /// Those that access the same memory in the same order.
    equivalent: usize,
}

type Tallies = BTreeMap<(&'static str, Number), Tally>;

/// Data for a kernel. A mutant of a maximum only shows if what it reads is the largest value.
fn data(family: &dyn Family, exact: bool) -> Vec<(Vec<Vec<f32>>, f64)> {
    let draw = |seed| {
        let buffers = family.buffers(&mut if exact { Values::integers(100, seed) } else { Values::reals(seed) });
        let bound = if exact { 0.0 } else { family.bound(&buffers) };
        (buffers, bound)
    };
    (0..32).map(draw).collect()
}

/// Whether the proof passes a kernel on these buffers: the kernel is proven, and what it reads before writing it holds no canary.
fn is_proven(kernel: &Kernel, buffers: &[Vec<f32>]) -> bool {
    let written = |(mut reads, buffer): (std::vec::IntoIter<_>, &Vec<f32>)| {
        reads.all(|range: std::ops::Range<usize>| !buffer[range].iter().any(|&x| is_canary(x)))
    };
    prove::kernel(kernel).is_ok() && prove::reads(kernel).into_iter().map(Vec::into_iter).zip(buffers).all(written)
}

/// Changes every number of a kernel up and down, one at a time.
fn hunt(name: &'static str, family: &dyn Family, exact: bool, level: Level, tallies: &mut Tallies) {
    let kernel = family.lower(level);
    let original = accesses(&kernel);
    let data = data(family, exact);
    data.iter().for_each(|(buffers, bound)| judge(family, &kernel, buffers, *bound).unwrap());
    let mut kinds = Vec::new();
    numbers(&mut kernel.body.clone(), &mut |kind, number| kinds.push((kind, *number)));
    for (target, &(kind, number)) in kinds.iter().enumerate() {
        let steps: &[usize] = if matches!(kind, Number::Offset | Number::Stride) { &[1, kernel.lanes()] } else { &[1] };
        for changed in steps.iter().flat_map(|step| [number.checked_add(*step), number.checked_sub(*step)]).flatten() {
            let mut mutant = kernel.clone();
            let mut at = 0;
            numbers(&mut mutant.body, &mut |_, number| {
                if at == target {
                    *number = changed;
                }
                at += 1;
            });
            let tally = tallies.entry((name, kind)).or_default();
            let caught = |(buffers, bound): &(Vec<Vec<f32>>, f64)| judge(family, &mutant, buffers, *bound).is_err();
            if !is_proven(&mutant, &data[0].0) {
                tally.proof += 1;
            } else if caught(&data[0]) {
                tally.interpreter += 1;
            } else if accesses(&mutant) == original {
                tally.equivalent += 1;
            } else if data[1..].iter().any(caught) {
                tally.interpreter += 1;
            } else {
                println!("{level}: {family:?}: {kind:?} {target}, {changed} for {number}, survives");
                tally.survived += 1;
            }
        }
    }
}

/// Every family, with every way in which a tile can end, and whether it computes integers without rounding.
fn families() -> Vec<(&'static str, Box<dyn Family>, bool)> {
    let plain = Epilogue::default();
    let shortcut = Epilogue { shortcut: Some(48), ..plain };
    let blend = Epilogue { blend: true, last_lanes: Some(USED), ..plain };
    let sigmoid = Epilogue { act: Some(Activation::Sigmoid), last_lanes: Some(USED), ..plain };
    let pointwise = |segments, panels, gap, epilogue| super::pointwise::spec(9, segments, panels, gap, epilogue);
    let direct = super::direct::spec(3, 2, 1, 13, 2).unwrap();
    let pitched = direct::Direct { source: Source::Pitched { pitch: 16 }, epilogue: sigmoid, ..direct.clone() };
    let window = |kind, kernel, stride, pad| window::spec(kind, kernel, stride, pad, 7, 2).unwrap();
    let depthwise = window(Kind::Depthwise, 5, 2, 2);
    let silu = Window { act: Some(Activation::Silu), ..window(Kind::Depthwise, 3, 1, 1) };
    vec![
        ("pointwise", Box::new(pointwise(&[(0, 5), (7, 3)], 3, 16, shortcut)), true),
        ("pointwise", Box::new(pointwise(&[(0, 3)], 2, 0, blend)), true),
        ("pointwise", Box::new(pointwise(&[(0, 3)], 5, 0, sigmoid)), false),
        ("pointwise", Box::new(pointwise::Pointwise { ahead: 1000, ..pointwise(&[(0, 6)], 1, 0, plain) }), true),
        ("direct", Box::new(direct::Direct { epilogue: shortcut, ..direct }), true),
        ("direct", Box::new(pitched), false),
        ("depthwise", Box::new(window(Kind::Depthwise, 3, 1, 1)), true),
        ("depthwise", Box::new(Window { panels: 3, src_pitch: 48, dst_pitch: 48, ..depthwise }), true),
        ("depthwise", Box::new(silu), false),
        ("maxpool", Box::new(Window { rows: 1, present: (0, 3), ..window(Kind::Max, 3, 2, 1) }), true),
        ("avgpool", Box::new(window(Kind::Average, 3, 2, 1)), false),
        ("intotiles", Box::new(super::winograd::into_tiles(Winograd::Two, 7, (1, 1), 2).unwrap()), true),
        ("fromtiles", Box::new(FromTiles { epilogue: sigmoid, ..super::winograd::from_tiles(Winograd::Two, 2, 5, 2) }), false),
        ("fromtiles", Box::new(FromTiles { epilogue: shortcut, ..super::winograd::from_tiles(Winograd::Two, 1, 4, 1) }), true),
        ("spread", Box::new(spread::spec(5, 2, true, (1, 2), 2)), true),
        ("move", Box::new(moved::spec(5, 3, 7)), true),
        ("move", Box::new(moved::turned(2, 3, 4)), true),
        ("softmax", Box::new(softmax::spec(false, 21, 21)), false),
        ("softmax", Box::new(softmax::spec(true, 21, 21)), false),
        ("mean", Box::new(reduce::spec(Reduction::Mean, 32, 2, 16)), true),
        ("scale", Box::new(super::eltwise::spec(super::eltwise::SCALE, 3, 3, 16, None)), true),
        (
            "add",
            Box::new(super::eltwise::spec(eltwise::Kind::Add { panels: 1, pitch: 32 }, 3, 3, 16, Some(Activation::Relu))),
            true,
        ),
        ("activation", Box::new(super::eltwise::spec(eltwise::Kind::Copy, 3, 3, 16, Some(Activation::Sigmoid))), false),
    ]
}

#[test]
fn every_mutant_that_accesses_other_memory_is_caught() {
    let at = |level| {
        let mut tallies = Tallies::new();
        families().iter().for_each(|(name, family, exact)| hunt(name, &**family, *exact, level, &mut tallies));
        tallies
    };
    let found: Vec<Tallies> = std::thread::scope(|scope| {
        let hunts = Level::ALL.map(|level| scope.spawn(move || at(level)));
        hunts.into_iter().map(|hunt| hunt.join().unwrap()).collect()
    });
    let mut tallies = Tallies::new();
    for (level, found) in Level::ALL.into_iter().zip(found) {
        let killed = found.values().map(|tally| tally.proof + tally.interpreter).sum();
        checked(level.name(), killed, "mutants of kernels killed");
        for (key, tally) in found {
            let sum = tallies.entry(key).or_default();
            sum.proof += tally.proof;
            sum.interpreter += tally.interpreter;
            sum.survived += tally.survived;
            sum.equivalent += tally.equivalent;
        }
    }
    println!("{:12} {:8} {:>8} {:>12} {:>9} {:>11}", "family", "number", "proof", "interpreter", "survived", "equivalent");
    for ((family, kind), tally) in &tallies {
        let Tally { proof, interpreter, survived, equivalent } = tally;
        println!("{family:12} {:8} {proof:8} {interpreter:12} {survived:9} {equivalent:11}", format!("{kind:?}"));
    }
    let sum = |part: fn(&Tally) -> usize| tallies.values().map(part).sum::<usize>();
    let (proof, interpreter, survived) = (sum(|t| t.proof), sum(|t| t.interpreter), sum(|t| t.survived));
    let all = proof + interpreter + survived;
    let killed = format!("{} of {all}, {proof} by the proof, {interpreter} by the interpreter", all - survived);
    println!("mutants of kernels killed: {killed}");
    figure("mutants of kernels killed", &killed);
    assert_eq!(survived, 0, "mutants survived");
    assert!(proof > 10_000 && interpreter > 10_000, "too few mutants to tell");
}
