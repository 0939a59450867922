// prints: any order is safe
//! Runs stages and units that do not exist, and those that do in any order, on memory full of anything.
#![forbid(unsafe_code)]
use golden::{best, runtime::Session};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let program = best().unwrap().unwrap();
    let (input, mut output) = (vec![f32::NAN; program.input_len()], vec![0.0; program.output_len()]);
    let mut session = Session::new(program, 2).unwrap();
    let count = program.stages().len();
    for (stage, begin, end) in [(count, 0, 1), (usize::MAX, 0, 0), (0, 0, usize::MAX), (0, 1, 0), (0, usize::MAX, 0), (count - 1, 1, 2)] {
        let run = AssertUnwindSafe(|| session.run_units(stage, begin, end, &input, &mut output));
        assert!(catch_unwind(run).is_err(), "units {begin}..{end} of stage {stage}");
    }
    for (turn, stage) in [(1, 0), (usize::MAX, 0), (0, count), (0, usize::MAX)] {
        let run = AssertUnwindSafe(|| session.run_stage(turn, stage, &input, &mut output));
        assert!(catch_unwind(run).is_err(), "stage {stage} in turn {turn}");
    }
    for fill in [f32::NAN, f32::INFINITY, f32::MAX, -0.0, f32::from_bits(1), f32::from_bits(u32::MAX)] {
        session.arena_mut().fill(fill);
        session.scratch_mut().fill(fill);
        for stage in (0..count).rev() {
            for unit in (0..program.stages()[stage].units()).rev() {
                session.run_units(stage, unit, unit + 1, &input, &mut output).unwrap();
            }
            session.run_stage(0, stage, &input, &mut output).unwrap();
        }
    }
    println!("any order is safe");
}
