// refused: E0603
//! Panics on two threads of a team at once, the second time with what panics when it is dropped.
#![forbid(unsafe_code)]
use golden::runtime::threads::Team;
use std::panic::panic_any;

struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped")
    }
}

fn main() {
    let mut team = Team::new(3, std::iter::empty::<()>()).unwrap();
    team.run(1, |_| 3, |_, _, _| panic_any(Bomb));
}
