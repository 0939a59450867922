// refused: E0451
//! Makes a program of nothing.
#![forbid(unsafe_code)]
use golden::runtime::{ABI, Lengths, Level, Program, Session};
use std::ptr;

static PROGRAM: Program = Program {
    abi: ABI,
    level: Level::Portable,
    batch: 1,
    lengths: Lengths { input: 0, output: 0, arena: 0, scratch: 0 },
    weights_len: 1 << 40,
    weights: ptr::null(),
    stages: ptr::null(),
    stage_count: 1,
};

fn main() {
    Session::new(&PROGRAM, 2).unwrap().run(&[], &mut []).unwrap();
}
