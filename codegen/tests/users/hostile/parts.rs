// prints: nothing was touched
//! What can be made without `unsafe`: stages, contexts and units that nothing trusts.
#![forbid(unsafe_code)]
use golden::runtime::{Context, Lengths, Stage, Units};

extern "C" fn nothing(_: &Context, _: &mut Units<'_>) {}

fn main() {
    let stage = Stage::new("a stage", usize::MAX, nothing);
    assert_eq!((stage.name(), stage.units()), ("a stage", usize::MAX));
    let cx = Context::new(1 as *const f32, 1 as *mut f32, (9, 1), 1 as *mut f32, 1 as *mut f32, 1 as *const f32);
    println!("{cx:?} {:?}", Lengths { input: usize::MAX, output: usize::MAX, arena: 0, scratch: 0 });
    assert_eq!(Units::of(5..2).count(), 0);
    assert_eq!(Units::of(usize::MAX - 2..usize::MAX).last(), Some(usize::MAX - 1));
    println!("nothing was touched");
}
