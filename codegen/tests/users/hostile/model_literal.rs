// refused: E0451
//! A model around a session of one's own.
#![forbid(unsafe_code)]
use golden::{Model, best, runtime::Session};

fn main() {
    let session = Session::new(best().unwrap().unwrap(), 1).unwrap();
    println!("{:?}", Model { session });
}
