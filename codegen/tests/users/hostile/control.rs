// prints: all values are finite
//! What users do: the control, which every other program here differs from in its attack.
#![forbid(unsafe_code)]
use golden::{best, runtime::Session};

fn main() {
    let program = best().unwrap().unwrap();
    let mut session = Session::new(program, 2).unwrap();
    let mut output = vec![f32::NAN; 3 * program.output_len()];
    session.run(&vec![0.5; 3 * program.input_len()], &mut output).unwrap();
    assert!(output.iter().all(|value| value.is_finite()));
    println!("all values are finite");
}
