// refused: E0616
//! Reads and writes what accessors give to be read.
#![forbid(unsafe_code)]
use golden::{best, runtime::Context};

fn context(cx: &mut Context) {
    cx.arena = cx.output;
    cx.pass = usize::MAX;
}

fn main() {
    let program = best().unwrap().unwrap();
    println!("{} {:?} {:?}", program.stage_count, program.weights, program.stages()[0].name);
    println!("{:?}", context as fn(&mut Context));
}
