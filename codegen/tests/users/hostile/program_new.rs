// refused: E0133
//! Makes a program whose lengths are not those that its stages use.
#![forbid(unsafe_code)]
use golden::{best, runtime::{Lengths, Level, Program, Session}};

fn main() {
    let real = best().unwrap().unwrap();
    let lengths = Lengths { input: 0, output: 0, arena: 0, scratch: 0 };
    let program = Box::leak(Box::new(Program::new(Level::Portable, 1, lengths, real.weights(), real.stages())));
    Session::new(program, 1).unwrap().run(&[], &mut []).unwrap();
}
