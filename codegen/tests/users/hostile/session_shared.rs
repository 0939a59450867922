// refused: E0499
//! Runs one session on two threads at once.
#![forbid(unsafe_code)]
use golden::{best, runtime::Session};

fn main() {
    let mut session = Session::new(best().unwrap().unwrap(), 2).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| session.run(&[0.0; 48], &mut [0.0; 4]));
        scope.spawn(|| session.run(&[0.0; 48], &mut [0.0; 4]));
    });
}
