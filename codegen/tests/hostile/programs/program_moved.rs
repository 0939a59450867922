// refused: E0507
//! Copies a program, to change the copy.
#![forbid(unsafe_code)]
use golden::{best, runtime::Program};

fn main() {
    let mut program: Program = *best().unwrap().unwrap();
    std::mem::swap(&mut program, &mut *best().map(|_| Box::new(*best().unwrap().unwrap())).unwrap());
}
