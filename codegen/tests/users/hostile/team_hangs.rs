// refused: E0603
//! Panics where the units of the second stage are counted.
#![forbid(unsafe_code)]
use golden::runtime::threads::Team;

fn main() {
    let mut team = Team::new(2, std::iter::empty::<()>()).unwrap();
    team.run(2, |stage| if stage == 1 { panic!("units") } else { 4 }, |_, _, units| units.for_each(drop));
}
