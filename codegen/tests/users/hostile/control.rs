// prints: all values are finite
//! What users do: the control, which every other program here differs from in its attack.
#![forbid(unsafe_code)]
use golden::{INPUT_LEN, Model, OUTPUT_LEN, best, runtime::Session};

fn main() {
    let mut model = Model::new(2).unwrap();
    let mut expected = vec![f32::NAN; 3 * OUTPUT_LEN];
    model.run(&vec![0.5; 3 * INPUT_LEN], &mut expected).unwrap();
    let program = best().unwrap().unwrap();
    let mut session = Session::new(program, 2).unwrap();
    let mut output = vec![f32::NAN; 3 * program.output_len()];
    session.run(&vec![0.5; 3 * program.input_len()], &mut output).unwrap();
    assert!(output.iter().all(|value| value.is_finite()));
    assert_eq!(output, expected);
    println!("all values are finite");
}
