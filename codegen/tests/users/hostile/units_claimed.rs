// refused: E0624
//! Takes units of a stage that is under way.
#![forbid(unsafe_code)]
use golden::runtime::Units;

fn main() {
    println!("{:?} {}", Units::claim(&[], 0), Units::of(0..1).run());
}
