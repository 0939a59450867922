// refused: E0451
//! A stage whose name lies at no address.
#![forbid(unsafe_code)]
use golden::runtime::{Context, Stage, Units};

extern "C" fn nothing(_: &Context, _: &mut Units<'_>) {}

fn main() {
    println!("{}", Stage { name: 1 as *const u8, name_len: 10, units: 0, run: nothing }.name());
}
