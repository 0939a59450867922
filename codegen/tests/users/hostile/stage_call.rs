// refused: E0133
//! Calls a stage with pointers to nothing.
#![forbid(unsafe_code)]
use golden::{best, runtime::{Context, Units}};
use std::ptr;

fn main() {
    let stage = &best().unwrap().unwrap().stages()[0];
    let cx = Context::new(ptr::null(), ptr::null_mut(), (0, 1), ptr::null_mut(), ptr::null_mut(), ptr::null());
    stage.run()(&cx, &mut Units::of(0..stage.units()));
}
