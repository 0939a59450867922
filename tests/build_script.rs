//! A user's program whose build script compiles its networks, built in a debug profile.

use std::path::Path;
use std::process::Command;

use sartor::models::import::{ImportOptions, onnx};
use sartor::models::weights::LoadOptions;
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Network, Weights};

mod common;
use common::own_cache;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn answer(network: &Network, weights: &Weights, input: &[f32]) -> Vec<f32> {
    own_cache();
    let model = Model::open(network, weights, Level::best().unwrap()).unwrap();
    let mut output = vec![0.0; model.program().output_len()];
    model.session(1).unwrap().run(input, &mut output).unwrap();
    output
}

#[test]
fn the_example_answers_as_other_programs_do() {
    let example = Path::new(ROOT).join("examples/build-rs");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--offline", "--locked"]).current_dir(&example);
    cargo.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples")).env_remove("SARTOR_MAX_LEVEL");
    let output = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("warning"), "{said}");

    let digits = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let file = Path::new(ROOT).join("examples/digits/rexnet_digits.safetensors");
    let weights = Weights::load(file, &digits, LoadOptions::default()).unwrap();
    let scores = answer(&digits, &weights, &vec![0.0; digits.input_shape().len()]);
    let imported = onnx(&example.join("model.onnx"), &ImportOptions::default()).unwrap();
    let input: Vec<f32> = (0..imported.network.input_shape().len()).map(|i| i as f32 / 100.0).collect();
    let values = answer(&imported.network, &imported.weights, &input);
    let expected = format!("digits [1, 10, 1, 1] {scores:?}\nmodel [1, 4, 12, 12] {:?}\n", &values[..3]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
