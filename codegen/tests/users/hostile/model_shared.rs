// refused: E0596
//! Runs one model on two threads at once.
#![forbid(unsafe_code)]
use golden::Model;

fn main() {
    let model = std::sync::Arc::new(Model::new(2).unwrap());
    let other = model.clone();
    std::thread::spawn(move || other.run(&[0.0; 48], &mut [0.0; 4]));
    let _ = model.run(&[0.0; 48], &mut [0.0; 4]);
}
