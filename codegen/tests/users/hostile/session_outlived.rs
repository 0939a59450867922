// refused: E0505
//! Reads a session's memory after the session.
#![forbid(unsafe_code)]
use golden::{best, runtime::Session};

fn main() {
    let session = Session::new(best().unwrap().unwrap(), 1).unwrap();
    let arena = session.arena();
    drop(session);
    println!("{}", arena[0]);
}
