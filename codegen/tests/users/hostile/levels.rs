// prints: only what was compiled in
//! Asks for programs of levels that this crate or this CPU does not have.
#![forbid(unsafe_code)]
use golden::{program, runtime::{Level, Session}};

fn main() {
    let found: Vec<Level> = Level::ALL.into_iter().filter(|&level| program(level).is_some()).collect();
    assert_eq!(found, [Level::Portable]);
    assert_eq!(Session::new(program(Level::Portable).unwrap(), 1).unwrap().program().level(), Level::Portable);
    println!("only what was compiled in");
}
