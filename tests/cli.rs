//! The command line as a user meets it: what it says when all is well, and when it is not.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use sartor::{Level, npy};
use serde_json::Value;

mod common;
use common::{Folder, PICTURE, fails, json, sartor};

#[test]
fn every_command_has_help_with_an_example() {
    sartor().arg("--help").assert().success().stdout(contains("Example: sartor "));
    for command in ["list", "show", "compile", "run", "verify", "bench"] {
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
    let adjusted = ["--engine", "generic", "--resize", "40", "--mean", "0.4,0.5,0.6", "--std", "1,1,0.5"];
    let stated = format!("{PICTURE}: resized to cover 40x40, cropped to 32x32, mean 0.4,0.5,0.6, std 1,1,0.5");
    sartor().args(["run", "rexnet_digits", "--image", PICTURE]).args(adjusted).assert().success().stdout(contains(stated));
}

#[test]
fn a_network_without_its_head_returns_its_maps() {
    let run = ["run", "rexnet_digits", "--image", PICTURE, "--engine", "generic", "--no-head"];
    let report: Value = json(&[&run[..], &["--json"]].concat());
    let outputs = report["outputs"].as_array().unwrap();
    let sizes: Vec<u64> = outputs.iter().map(|shape| shape[2].as_u64().unwrap()).collect();
    assert_eq!(sizes, [8, 4, 2, 1]);
    sartor().args(run).assert().success().stdout(contains("outputs of shape [1, "));
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
fn verifies_every_layer() {
    let level = Level::best().unwrap();
    let verified: Value = json(&["verify", "rexnet_digits", "--level", level.name(), "--json"]);
    let layers = verified["levels"][0]["layers"].as_array().unwrap();
    assert!(verified["failed"] == 0 && layers.len() > 40, "{verified}");
    let table = sartor().args(["verify", "rexnet_digits", "--level", level.name()]).assert().success();
    table.stdout(contains("largest error").and(contains("output 10x1x1")).and(contains("FAILED").not()));
}
