//! The command line as a user meets it: what it says when all is well, and when it is not.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use sartor::{Level, npy};
use serde::de::DeserializeOwned;
use serde_json::Value;

fn sartor() -> Command {
    let mut command = Command::cargo_bin("sartor").expect("the binary is built");
    command.env("SARTOR_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")).env_remove("SARTOR_MAX_LEVEL");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Arguments that must fail with an error that contains all of `parts`, and without a panic.
fn fails(args: &[&str], parts: &[&str]) {
    let assert = sartor().args(args).assert().failure().stdout("").stderr(predicate::str::starts_with("error: "));
    let assert = assert.stderr(contains("panicked").not());
    parts.iter().fold(assert, |assert, part| assert.stderr(contains(*part)));
}

fn json<T: DeserializeOwned>(args: &[&str]) -> T {
    let output = sartor().args(args).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn entries(&self) -> usize {
        std::fs::read_dir(self.0.path()).unwrap().count()
    }
}

const PICTURE: &str = "examples/digit-7.png";

#[test]
fn every_command_has_help_with_an_example() {
    sartor().arg("--help").assert().success().stdout(contains("Example: sartor "));
    for command in ["list", "show", "compile", "run", "verify", "bench", "export"] {
        let example = format!("Example: sartor {command}");
        sartor().args([command, "--help"]).assert().success().stdout(contains(example));
    }
}

#[test]
fn lists_and_shows() {
    sartor().arg("list").assert().success().stdout(contains("mobilenet_v2_x1.0").and(contains("300,774,272")));
    let list: Vec<Value> = json(&["list", "--json"]);
    assert!(list.iter().any(|row| row["network"] == "rexnet_digits" && row["parameters"] == 434_954));

    sartor().args(["show", "rexnet_digits", "--level", "neon"]).assert().success().stdout(contains("434,954 parameters"));
    let shown: Value = json(&["show", "rexnet_digits", "--level", "avx2", "--json"]);
    let layers = shown["layers"].as_array().unwrap();
    let sum = |key: &str| layers.iter().map(|layer| layer[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("parameters"), 434_954, "every parameter belongs to a layer");
    assert_eq!(sum("macs"), shown["macs"].as_u64().unwrap());
    assert!(layers.iter().all(|layer| layer["kernel"].as_str().unwrap().ends_with("_avx2")));
}

#[test]
fn reads_the_sample_digits() {
    for digit in [0, 3, 4, 7, 9] {
        let image = format!("examples/digit-{digit}.png");
        let report: Value = json(&["run", "rexnet_digits", "--image", &image, "--json"]);
        assert_eq!(report["top"][0][0]["class"], digit);
        assert!(report["median_ms"].as_f64().unwrap() > 0.0 && report["generic_ms"].as_f64().unwrap() > 0.0);
    }
    for engine in ["generic", "reference"] {
        let report: Value = json(&["run", "rexnet_digits", "--image", PICTURE, "--engine", engine, "--json"]);
        assert_eq!((&report["top"][0][0]["class"], &report["engine"]), (&Value::from(7), &Value::from(engine)));
    }
}

#[test]
fn tensors_go_in_and_come_out() {
    let folder = Folder::new();
    let (input, output) = (folder.path("in.npy"), folder.path("out.npy"));
    npy::write(Path::new(&input), &[2, 3, 32, 32], &[0.25; 2 * 3 * 32 * 32]).unwrap();
    let args = ["run", "rexnet_digits", "--input", &input, "--output", &output];
    sartor().args(args).assert().success().stdout(contains("image 1"));
    let (shape, values) = npy::read(Path::new(&output)).unwrap();
    assert_eq!(shape, [2, 10]);
    assert_eq!(values[..10], values[10..], "equal images give equal scores");
}

#[test]
fn compiles_a_program_that_runs_and_compiles_it_again() {
    let folder = Folder::new();
    let (dir, input) = (folder.path("digits"), folder.path("in.npy"));
    npy::write(Path::new(&input), &[1, 3, 32, 32], &[0.25; 3 * 32 * 32]).unwrap();
    for _ in 0..2 {
        let report: Value = json(&["compile", "rexnet_digits", "-o", &dir, "--json"]);
        let artifact = PathBuf::from(report["artifact"].as_str().unwrap());
        assert_eq!(artifact.metadata().unwrap().len(), report["artifact_bytes"].as_u64().unwrap());
        Command::new(artifact).arg(&input).assert().success().stdout(contains("class"));
    }
    assert_eq!(folder.entries(), 2, "nothing but the crate and the input is left");
}

#[test]
fn exports_onnx() {
    let folder = Folder::new();
    let file = folder.path("digits.onnx");
    let report: Value = json(&["export", "rexnet_digits", "--batch", "2", "-o", &file, "--json"]);
    assert_eq!((&report["weights"], &report["batch"]), (&Value::from("built in"), &Value::from(2)));
    assert_eq!(report["bytes"], Path::new(&file).metadata().unwrap().len());
    sartor().args(["export", "rexnet_digits", "-o", &file]).assert().success().stdout(contains("operators of version 17"));
    fails(&["export", "rexnet_digits", "--batch", "0", "-o", &file], &["batch is 0"]);
    fails(&["export", "rexnet_digits", "-o", &folder.path("missing/digits.onnx")], &["cannot write", "missing"]);
    assert_eq!(folder.entries(), 1);
}

#[test]
fn bench_reports_what_it_promises() {
    let report: Value = json(&["bench", "rexnet_digits", "--runs", "5", "--layers", "--json"]);
    let keys =
        "network level threads batch runs disturbed median_ms p10_ms p90_ms min_ms quiet_ms macs peak_gflops share_of_peak";
    for key in keys.split(' ') {
        assert!(!report[key].is_null(), "{key}");
    }
    for key in "name problem kernel median_us quiet_us macs share_of_peak".split(' ') {
        assert!(!report["layers"][0][key].is_null(), "layers: {key}");
    }
    let two: Value = json(&["bench", "rexnet_digits", "--runs", "5", "--threads", "2", "--json"]);
    assert!(two["layers"].is_null() && two["threads"] == 2);
    let generic: Value = json(&["bench", "rexnet_digits", "--runs", "2", "--engine", "generic", "--json"]);
    assert_eq!(generic["engine"], "generic");
    fails(&["bench", "rexnet_digits", "--threads", "2", "--engine", "reference"], &["one thread"]);
    fails(&["bench", "rexnet_digits", "--threads", "2", "--layers"], &["--layers needs"]);
    fails(&["bench", "rexnet_digits", "--threads", "0"], &["threads is 0"]);
    fails(&["bench", "rexnet_digits", "--runs", "0"], &["0"]);
    fails(&["bench", "rexnet_digits", "--batch", "0"], &["batch is 0"]);
}

#[test]
fn networks_that_do_not_exist() {
    fails(&["show", "mobilnet_v2"], &["did you mean 'mobilenet_v2"]);
    fails(&["show", "rexnet_x0.0"], &["width", "0"]);
    fails(&["show", "rexnet_x1.0", "--classes", "0"], &["classes", "0"]);
    fails(&["show", "shufflenet_v1_g5_x1.0"], &["groups", "5"]);
}

#[test]
fn pictures_that_are_none() {
    let folder = Folder::new();
    let text = folder.file("text.png", b"This is not a picture.");
    fails(&["run", "rexnet_digits", "--image", &text], &["text.png", "not a JPEG or PNG"]);
    let truncated = folder.file("half.png", &std::fs::read(PICTURE).unwrap()[..300]);
    fails(&["run", "rexnet_digits", "--image", &truncated], &["half.png"]);
    fails(&["run", "rexnet_digits", "--image", "missing.png"], &["missing.png", "No such file"]);
    fails(&["run", "rexnet_digits", "--image", PICTURE, "--resize", "16"], &["too small for the crop"]);
    fails(&["run", "rexnet_digits", "--image", PICTURE, "--std", "0,1,1"], &["--std"]);
}

#[test]
fn tensors_of_the_wrong_shape() {
    let folder = Folder::new();
    let path = folder.path("in.npy");
    npy::write(Path::new(&path), &[1, 3, 224, 224], &[0.0; 3 * 224 * 224]).unwrap();
    fails(&["run", "rexnet_digits", "--input", &path], &["[1, 3, 224, 224]", "[N, 3, 32, 32]"]);
    let bad = folder.file("bad.npy", b"not numpy");
    fails(&["run", "rexnet_digits", "--input", &bad], &["not an .npy file"]);
}

#[test]
fn weights_that_do_not_fit() {
    let folder = Folder::new();
    let good = std::fs::read("examples/digits/rexnet_digits.safetensors").unwrap();
    let with = |weights: &str, parts: &[&str]| {
        fails(&["run", "rexnet_digits", "--weights", weights, "--image", PICTURE], parts);
    };
    with(&folder.file("half.safetensors", &good[..good.len() / 2]), &["half.safetensors", "truncated"]);
    with(&folder.file("lying.safetensors", &[[255; 8], [b'{'; 8]].concat()), &["lying.safetensors"]);
    with(&folder.path("missing.safetensors"), &["missing.safetensors"]);

    let mut infinite = good;
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let infinite = folder.file("infinite.safetensors", &infinite);
    with(&infinite, &["NaN or infinite"]);
    let allowed = ["run", "rexnet_digits", "--weights", &infinite, "--image", PICTURE, "--allow-non-finite"];
    sartor().args(allowed).assert().success();
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = Folder::new();
    let file = folder.file("file", b"x");
    let below = format!("{file}/out");
    fails(&["run", "rexnet_digits", "--image", PICTURE, "--output", &below], &[&below]);
    fails(&["compile", "rexnet_digits", "-o", &below], &[&below]);
    fails(&["compile", "rexnet_digits", "-o", &folder.path(".")], &["not made by sartor"]);
    assert_eq!(std::fs::read(file).unwrap(), b"x");
    assert_eq!(folder.entries(), 1);
}

#[test]
fn levels_that_this_machine_cannot_run() {
    let run = ["run", "rexnet_digits", "--image", PICTURE, "--level"];
    let missing: Vec<_> = Level::ALL.into_iter().filter(|level| !level.is_available()).collect();
    assert!(!missing.is_empty(), "no CPU has both NEON and AVX");
    for level in missing {
        fails(&[&run[..], &[level.name()]].concat(), &["this CPU lacks level", level.name()]);
    }
    fails(&[&run[..], &["sse9"]].concat(), &["sse9"]);

    let best = Level::best().unwrap();
    if best == Level::Portable {
        println!("skipped the cap: no level here is above portable");
    } else {
        let mut command = sartor();
        command.env("SARTOR_MAX_LEVEL", "portable").args(run).arg(best.name());
        command.assert().code(1).stderr(contains("SARTOR_MAX_LEVEL forbids").and(contains("help: use one of portable")));
    }
    sartor().env("SARTOR_MAX_LEVEL", "fastest").args(["show", "rexnet_digits"]).assert().code(1).stderr(contains("fastest"));
}

#[test]
fn verifies_every_layer() {
    let level = Level::best().unwrap();
    let verified: Value = json(&["verify", "rexnet_digits", "--level", level.name(), "--json"]);
    let layers = verified["levels"][0]["layers"].as_array().unwrap();
    assert!(verified["failed"] == 0 && layers.len() > 40, "{verified}");
    let table = sartor().args(["verify", "rexnet_digits", "--level", level.name()]).assert().success();
    table.stdout(contains("largest error").and(contains("output 10x1x1")).and(contains("FAILED").not()));
}
