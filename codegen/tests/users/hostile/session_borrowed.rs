// refused: E0597
//! Opens a session for what does not live as long.
#![forbid(unsafe_code)]
use golden::runtime::{Program, Session};

fn open(make: fn() -> Program) -> Session {
    let program = make();
    Session::new(&program, 1).unwrap()
}

fn main() {
    println!("{:?}", open as fn(_) -> _);
}
