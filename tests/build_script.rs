//! A user's program whose build script compiles its networks, built in a debug profile.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sartor::codegen::compile::{Kind, generate_for};
use sartor::codegen::ir::isa;
use sartor::codegen::schedule::Options;
use sartor::kernels::report::{checked, skipped};
use sartor::models::import::{ImportOptions, onnx};
use sartor::models::weights::LoadOptions;
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Network, Tunings, Weights};

mod common;
use common::{Folder, own_cache};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Cargo in a user's folder.
fn cargo(folder: &Path, args: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(args).arg("--offline").current_dir(folder).env_remove("SARTOR_MAX_LEVEL");
    cargo.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples")).output().unwrap()
}

/// The digits' network and its weights.
fn digits() -> (Network, Weights) {
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let file = Path::new(ROOT).join("examples/digits/rexnet_digits.safetensors");
    let weights = Weights::load(file, &network, LoadOptions::default()).unwrap();
    (network, weights)
}

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
    let output = cargo(&example, &["run", "--locked"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("warning"), "{said}");

    let (digits, weights) = digits();
    let scores = answer(&digits, &weights, &vec![0.0; digits.input_shape().len()]);
    let imported = onnx(&example.join("model.onnx"), &ImportOptions::default()).unwrap();
    let input: Vec<f32> = (0..imported.network.input_shape().len()).map(|i| i as f32 / 100.0).collect();
    let values = answer(&imported.network, &imported.weights, &input);
    let expected = format!("digits [1, 10, 1, 1] {scores:?}\nmodel [1, 4, 12, 12] {:?}\n", &values[..3]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

/// Where the build script of a user's package wrote to.
fn out_dir(folder: &Path, package: &str) -> PathBuf {
    let output = cargo(folder, &["build", "--message-format", "json"]);
    let told = String::from_utf8_lossy(&output.stdout);
    let told = told.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut ran = told.filter(|message| {
        message["reason"] == "build-script-executed" && message["package_id"].as_str().is_some_and(|id| id.contains(package))
    });
    ran.next().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))["out_dir"].as_str().unwrap().into()
}

/// What `sartor compile` writes for each level, with the tunings that are shipped, is what a build script writes.
#[test]
fn a_build_script_uses_the_shipped_tunings() {
    let out = out_dir(&Path::new(ROOT).join("examples/build-rs"), "build-rs#");
    let (network, weights) = digits();
    let text = |level: Level, tunings: &Tunings| {
        let options = Options { tuning: tunings.of(level), ..Options::new(level) };
        let files = generate_for(&network, &weights, &[options], 1, &Kind::Lib.into()).unwrap().files;
        let (_, text) = files.into_iter().find(|(path, _)| *path == Path::new(&format!("src/{level}.rs"))).unwrap();
        String::from_utf8(text).unwrap().replace("crate::", "super::")
    };
    let mut tuned = false;
    for level in isa::levels_for(std::env::consts::ARCH) {
        let (shipped, none) = (text(level, &Tunings::shipped()), text(level, &Tunings::none()));
        assert!(std::fs::read_to_string(out.join(format!("digits/src/{level}.rs"))).unwrap() == shipped, "{level}");
        tuned |= shipped != none;
        checked(level.name(), 1, "texts of a build script, as those of sartor compile");
    }
    if !tuned {
        skipped("tunings in build scripts", "none is shipped for machines of such caches");
    }
}

#[test]
fn it_is_built_from_no_more_crates_than_the_docs_say() {
    let tree = cargo(&Path::new(ROOT).join("examples/build-rs"), &["tree", "--edges", "normal,build", "--prefix", "none"]);
    let told = String::from_utf8_lossy(&tree.stdout);
    let crates: BTreeSet<&str> = told.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let docs = std::fs::read_to_string(Path::new(ROOT).join("docs/generated-crate.md")).unwrap();
    let said = docs.split_once("built from ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<usize>().ok()).unwrap();
    // But for the user's own.
    assert!((10..=said).contains(&(crates.len() - 1)), "{said}, not {}: {crates:?}", crates.len() - 1);
}

const MANIFEST: &str = "[package]
name = \"tuned\"
version = \"0.1.0\"
edition = \"2024\"

[build-dependencies]
sartor-build = { path = \"PATH\" }

[workspace]
";

#[test]
fn a_file_of_tunings_is_read_or_refused_by_its_name() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("src")).unwrap();
    folder.file("src/main.rs", b"fn main() {}\n");
    folder.file("Cargo.toml", MANIFEST.replace("PATH", &format!("{ROOT}/sartor-build")).as_bytes());
    let lock = std::fs::read_to_string(Path::new(ROOT).join("examples/build-rs/Cargo.lock")).unwrap();
    folder.file("Cargo.lock", lock.replace("name = \"build-rs\"", "name = \"tuned\"").as_bytes());
    std::fs::copy(Path::new(ROOT).join("examples/build-rs/model.onnx"), folder.path("model.onnx")).unwrap();
    let script = "fn main() -> Result<(), sartor_build::BuildError> {
    sartor_build::Builder::new().tuning(\"tuning.json\").compile(\"model.onnx\")
}
";
    folder.file("build.rs", script.as_bytes());
    let said = || {
        let output = cargo(folder.path(".").as_ref(), &["build"]);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let missing = said();
    assert!(!missing.0 && missing.1.contains("Error: tuning.json: No such file"), "{}", missing.1);
    folder.file("tuning.json", b"{}");
    let wrong = said();
    assert!(!wrong.0 && wrong.1.contains("Error: tuning.json: not a tuning file: missing field `format`"), "{}", wrong.1);
    folder.file("tuning.json", b"{\"format\": 1, \"machines\": []}\n");
    let right = said();
    assert!(right.0, "{}", right.1);
}
