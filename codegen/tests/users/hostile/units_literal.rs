// refused: E0451
//! Units that were never given out.
#![forbid(unsafe_code)]
use golden::runtime::Units;

fn main() {
    println!("{:?}", Units { begin: 0, end: usize::MAX, run: 0, share: None });
}
