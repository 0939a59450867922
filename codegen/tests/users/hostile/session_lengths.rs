// prints: all refused
//! Runs on inputs and outputs of wrong lengths, on any number of threads.
#![forbid(unsafe_code)]
use golden::{best, runtime::Session};

fn main() {
    let program = best().unwrap().unwrap();
    let (input, output) = (program.input_len(), program.output_len());
    for threads in [0, 1025, usize::MAX] {
        assert!(Session::new(program, threads).is_err(), "{threads} threads");
    }
    for threads in 1..=3 {
        let mut session = Session::new(program, threads).unwrap();
        for (i, o) in [(0, 0), (0, output), (input, 0), (1, 1), (input - 1, output), (input, output + 1), (2 * input, output), (3 * input, 2 * output)] {
            assert!(session.run(&vec![0.0; i], &mut vec![0.0; o]).is_err(), "{i} and {o}");
            assert!(session.run_units(0, 0, 1, &vec![0.0; i], &mut vec![0.0; o]).is_err(), "{i} and {o}");
            assert!(session.run_stage(0, 0, &vec![0.0; i], &mut vec![0.0; o]).is_err(), "{i} and {o}");
        }
        assert!(session.run_units(0, 0, 1, &vec![0.0; 2 * input], &mut vec![0.0; 2 * output]).is_err(), "two passes");
    }
    println!("all refused");
}
