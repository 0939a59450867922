// refused: E0507
//! Copies a program, to change the copy.
#![forbid(unsafe_code)]
use golden::{best, runtime::Program};

fn main() {
    let program: Program = *best().unwrap().unwrap();
    println!("{program:?}");
}
