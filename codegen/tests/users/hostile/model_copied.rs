// refused: E0599
//! Copies a model, so that two have one memory.
#![forbid(unsafe_code)]
use golden::Model;

fn main() {
    let mut model = Model::new(1).unwrap();
    let mut copy = model.clone();
    model.run(&[0.0; 48], &mut [0.0; 4]).unwrap();
    copy.run(&[0.0; 48], &mut [0.0; 4]).unwrap();
}
