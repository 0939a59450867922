// refused: E0451
//! Memory at an address of one's own, freed at the end.
#![forbid(unsafe_code)]
use golden::runtime::Aligned;
use std::ptr::NonNull;

fn main() {
    println!("{}", Aligned { block: Some(NonNull::dangling()), start: NonNull::dangling(), len: 1 << 30 }[0]);
}
