//! Kernels with one number changed: whatever changes what is accessed must be caught.

use std::collections::BTreeMap;

use sartor_kernels::runtime::Level;

use super::*;
use crate::kernel::{Address, Stmt, Value, Var};
use crate::lower::window::{Kind, Window};
use crate::lower::{direct, eltwise, pointwise};

/// Calls `change` with every number of a kernel that says what is accessed: offsets, strides and loop counts.
fn numbers(body: &mut [Stmt], change: &mut impl FnMut(&mut usize)) {
    let address = |at: &mut Address, change: &mut dyn FnMut(&mut usize)| {
        change(&mut at.offset);
        at.terms.iter_mut().for_each(|(_, stride)| change(stride));
    };
    for stmt in body {
        match stmt {
            Stmt::For { count, body, .. } => {
                change(count);
                numbers(body, change);
            }
            Stmt::Let(_, Value::Load(at) | Value::Broadcast(at)) | Stmt::Set(_, Value::Load(at) | Value::Broadcast(at)) => {
                address(at, change);
            }
            Stmt::Let(_, Value::FirstLanes(_, lanes)) | Stmt::Set(_, Value::FirstLanes(_, lanes)) => change(lanes),
            Stmt::Store(at, _) => address(at, change),
            _ => {}
        }
    }
}

/// All accesses of a run and all lanes it clears, in order.
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
            | Stmt::Store(at, _) => accesses.push(place(at, vars)),
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

#[derive(Default)]
struct Tally {
    proof: usize,
    judged: usize,
    same: usize,
}

/// Changes every number of a kernel by one, up and down, one at a time.
fn hunt(family: &dyn Family, level: Level, tally: &mut Tally) {
    let kernel = family.lower(level);
    let original = accesses(&kernel);
    // A mutant of a maximum shows only in data where what it reads would win.
    let data: Vec<Vec<Vec<f32>>> = (0..32).map(|seed| family.buffers(&mut Values::integers(100, seed))).collect();
    data.iter().for_each(|buffers| judge(family, &kernel, buffers, 0.0).unwrap());
    let mut count = 0;
    numbers(&mut kernel.body.clone(), &mut |_| count += 1);
    for target in 0..count {
        for up in [true, false] {
            let mut mutant = kernel.clone();
            let mut at = 0;
            let mut changed = false;
            numbers(&mut mutant.body, &mut |number| {
                if at == target && (up || *number > 0) {
                    *number = if up { *number + 1 } else { *number - 1 };
                    changed = true;
                }
                at += 1;
            });
            if !changed {
                continue;
            }
            if prove::kernel(&mutant).is_err() {
                tally.proof += 1;
            } else if accesses(&mutant) == original {
                tally.same += 1;
            } else {
                let caught = data.iter().any(|buffers| judge(family, &mutant, buffers, 0.0).is_err());
                assert!(caught, "{level}: {family:?}: number {target}, up: {up}, survives");
                tally.judged += 1;
            }
        }
    }
}

#[test]
fn every_mutant_that_accesses_other_memory_is_caught() {
    let epilogue = Epilogue { shortcut: Some(48), ..Epilogue::default() };
    let families: Vec<Box<dyn Family>> = vec![
        Box::new(super::pointwise::spec(9, &[(0, 5), (7, 3)], 3, 16, epilogue)),
        Box::new(pointwise::Pointwise {
            epilogue: Epilogue { blend: true, last_lanes: Some(USED), ..Epilogue::default() },
            ..super::pointwise::spec(31, &[(0, 3)], 2, 0, Epilogue::default())
        }),
        Box::new(direct::Direct { epilogue, ..super::direct::spec(3, 2, 1, 13, 2).unwrap() }),
        Box::new(window::spec(Kind::Depthwise, 3, 1, 1, 13, 2).unwrap()),
        Box::new(Window { panels: 3, src_pitch: 48, dst_pitch: 48, ..window::spec(Kind::Depthwise, 5, 2, 2, 7, 2).unwrap() }),
        Box::new(Window { sums: true, ..window::spec(Kind::Max, 3, 2, 1, 7, 1).unwrap() }),
        Box::new(mean::spec(23, 2, 16, 0.25)),
        Box::new(super::eltwise::spec(eltwise::Kind::Scale, 3, 3, 16, 0)),
        Box::new(super::eltwise::spec(eltwise::Kind::Add { panels: 1, pitch: 32 }, 3, 3, 16, 1)),
    ];
    let mut tally = Tally::default();
    for family in &families {
        for level in Level::ALL {
            hunt(&**family, level, &mut tally);
        }
    }
    let Tally { proof, judged, same } = tally;
    println!(
        "{} mutants: {proof} refused by the proof, {judged} caught in guarded runs, 0 survived; {same} more access the same memory",
        proof + judged
    );
    assert!(proof > 500 && judged > 10_000);
}
