//! Runs a sample and judges its results.

use std::collections::BTreeMap;

use sartor::codegen::interpret;
use sartor::judge::engines::ReferenceEngine;
use sartor::kernels::reference::bound;
use sartor::kernels::report;
use sartor::models::NodeId;

use crate::draw::Draw;
use crate::run::Runner;
use crate::sample::{Problem, Sample};
use crate::values::{Class, Values, exception};

/// Runs all problems on values of every kind, with buffers at each of `placements`.
pub fn sample(runner: &Runner, sample: &Sample, placements: &[&str]) {
    let (problems, count) = (&sample.problems, sample.problems.len());
    let calls: usize = problems.iter().map(Problem::call_count).sum();
    let mut exceptions: BTreeMap<&str, usize> = BTreeMap::new();
    for values in Values::ALL {
        let mut draw = Draw::new(values as u64);
        let inputs: Vec<Vec<f32>> = problems.iter().map(|problem| values.draw(problem.plan.lengths.input, &mut draw)).collect();
        let mut words = Vec::new();
        problems.iter().zip(&inputs).for_each(|(problem, input)| problem.words(input, &mut words));
        let memories: Vec<_> = problems.iter().zip(&inputs).map(|(problem, input)| problem.interpret(input)).collect();
        for placement in placements {
            let arenas = run(runner, sample, &words, placement, 0).unwrap_or_else(|fault| panic!("{values:?}: {fault}"));
            let mut rest = &arenas[..];
            for (problem, memory) in problems.iter().zip(&memories) {
                let (arena, later) = rest.split_at(memory.arena.len());
                rest = later;
                same_bits(problem, arena, &memory.arena, values);
            }
            assert!(rest.is_empty(), "{} words too many", rest.len());
        }
        // The runner's values are the interpreter's bit for bit, so judging these judges both.
        for ((problem, memory), input) in problems.iter().zip(&memories).zip(&inputs) {
            near_reference(problem, memory, input, values, &mut exceptions);
        }
    }
    let (kernels, kinds) = (sample.kernels.len(), Values::ALL.len());
    let what = format!(
        "compiled kernels {}: {count} problems of {kernels} kernels, {calls} calls each on {kinds} kinds of values, buffers {}",
        runner.name(),
        placements.join(" and ")
    );
    report::checked(sample.level.name(), count * kinds * placements.len(), &what);
    exceptions.iter().for_each(|(why, values)| println!("{}: {values} values of special inputs differ: {why}", sample.level));
}

/// Moves every pointer of every call and requires that this ends the runner.
pub fn edges(runner: &Runner, sample: &Sample, shifts: &[(&str, i32)]) {
    for kind in 0..12 {
        let problem = &sample.problems[kind];
        let mut words = Vec::new();
        problem.words(&Values::Ordinary.draw(problem.plan.lengths.input, &mut Draw::new(0)), &mut words);
        for &(placement, shift) in shifts {
            let outcome = run(runner, sample, &words, placement, shift);
            assert!(outcome.is_err(), "{}: nobody noticed that pointers {placement} were moved by {shift}", problem.line());
        }
    }
    report::checked(sample.level.name(), 12 * shifts.len(), &format!("accesses beyond a buffer are noticed {}", runner.name()));
}

/// Runs the sample. Returns the arenas of all problems one after another, or how the runner ended.
fn run(runner: &Runner, sample: &Sample, words: &[u32], placement: &str, shift: i32) -> Result<Vec<f32>, String> {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("input"), dir.path().join("output"));
    std::fs::write(&input, words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let shift_text = shift.to_string();
    let args = [sample.level.name(), placement, input.to_str().unwrap(), output.to_str().unwrap(), &shift_text];
    let ended = runner.run(&args);
    if ended.status.success() {
        let bytes = std::fs::read(&output).unwrap();
        return Ok(bytes.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect());
    }
    if shift != 0 {
        return Err(String::new());
    }
    let traced = runner.run(&[&args[..], &["--trace"]].concat());
    let trace = String::from_utf8_lossy(&traced.stderr);
    let last = trace.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
    Err(format!("{} {placement} {}: {}, at the end of:\n{last}", sample.level, runner.name(), ended.status))
}

fn same_bits(problem: &Problem, found: &[f32], wanted: &[f32], values: Values) {
    let differs = |&i: &usize| found[i].to_bits() != wanted[i].to_bits() && !(found[i].is_nan() && wanted[i].is_nan());
    if let Some(at) = (0..wanted.len()).find(differs) {
        panic!("{values:?}: arena[{at}] is {:e}, interpreted {:e}, of {}", found[at], wanted[at], problem.line());
    }
}

/// Checks that values are within the derived bound, or, of special values, that they have the right class.
fn near_reference(
    problem: &Problem,
    memory: &interpret::Memory,
    input: &[f32],
    values: Values,
    exceptions: &mut BTreeMap<&str, usize>,
) {
    let batch = problem.plan.batch;
    let engine = ReferenceEngine::new(&problem.network, &problem.weights).unwrap();
    let found = interpret::output(&problem.plan, memory);
    let known = BTreeMap::from([(NodeId(0), input.to_vec())]);
    let expected = engine.expect(problem.network.outputs()[0], &known, batch);
    assert_eq!(found.len(), expected.exact.len());
    if values == Values::Special {
        for (at, (&found, &exact)) in found.iter().zip(&expected.exact).enumerate() {
            let (found, exact) = (Class::of(found.into()), Class::of(exact));
            if found != exact {
                let why = exception(&problem.network, &problem.plan, exact, found);
                *exceptions
                    .entry(why.unwrap_or_else(|| panic!("[{at}] is {found:?}, not {exact:?}: {}", problem.line())))
                    .or_default() += 1;
            }
        }
        return;
    }
    let (error, at) = bound::largest_error(&found, &expected.exact);
    // Denormal terms may lose all their bits.
    let bound = expected.bound + 100.0 * bound::UNDERFLOW;
    assert!(error <= bound, "{values:?}: [{at}] is {:e}, off by {error:e} of {bound:e}: {}", found[at], problem.line());
}
