//! The command line as a user sees it: its output on success and on failure.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use sartor::Level;
use sartor::data::npy;
use serde_json::Value;

mod common;
use common::{Folder, PICTURE, fails, json, sartor};

#[test]
fn every_command_has_help_with_an_example() {
    sartor().arg("--help").assert().success().stdout(contains("Example: sartor "));
    for command in ["list", "show", "compile", "run", "verify", "bench", "tune", "explain", "process", "sweep", "export"] {
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
fn a_variant_is_named_and_refused_where_there_is_none() {
    let network = |args: &[&str]| json::<Value>(&[&["show", "--level", "portable", "--json"], args].concat())["network"].clone();
    for (name, variant, built) in [
        ("efficientnet_b0@32x32", "tf", "efficientnet_b0_tf@32x32"),
        ("efficientnet_b0@32x32", "torch", "efficientnet_b0_torch@32x32"),
        ("efficientnet_b0_tf@32x32", "tf", "efficientnet_b0_tf@32x32"),
    ] {
        assert_eq!(network(&[name, "--variant", variant]), built);
    }
    assert_eq!(network(&["efficientnet_b0_tf@32x32"]), "efficientnet_b0_tf@32x32");

    for (name, variant, message) in [
        ("rexnet_digits", "tf", "network 'rexnet_digits': variant is tf: this family has no variants"),
        ("mobilenet_v2", "torch", "network 'mobilenet_v2': variant is torch: this family has no variants"),
        ("efficientnet_b0_tf", "torch", "--variant is torch, but the network's name has variant tf"),
    ] {
        sartor().args(["show", name, "--variant", variant]).assert().failure().code(1).stderr(contains(message));
    }
    sartor()
        .args(["show", "efficientnet_b0", "--variant", "keras"])
        .assert()
        .failure()
        .code(2)
        .stderr(contains("use torch or tf"));
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
    let stated = format!("{PICTURE}: resized to cover 40x40 (bilinear), cropped to 32x32, mean 0.4,0.5,0.6, std 1,1,0.5");
    sartor().args(["run", "rexnet_digits", "--image", PICTURE]).args(adjusted).assert().success().stdout(contains(stated));
}

#[test]
fn pictures_are_prepared_as_asked() {
    let run = |args: &[&str], parts: &[&str]| {
        let assert = sartor().args(["run", "--engine", "generic"]).args(args).assert().success();
        parts.iter().fold(assert, |assert, part| assert.stdout(contains(*part)));
    };
    let folder = Folder::new();
    let photo = std::fs::read("tests/pictures/files/photos/coffee.jpg").unwrap();
    let exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let lying = folder.file("lying.jpg", &[&photo[..2], &exif[..], &photo[2..]].concat());
    run(&["rexnet_digits", "--image", &lying], &["lying.jpg: turned upright (EXIF orientation 6), resized to cover 32x32"]);
    run(&["rexnet_digits", "--image", &lying, "--no-exif"], &["not turned upright (EXIF orientation 6)"]);
    run(&["rexnet_digits", "--image", &lying, "--interpolation", "bicubic"], &["cover 32x32 (bicubic)"]);
    let cut = folder.file("cut.jpg", &photo[..photo.len() / 2]);
    run(&["rexnet_digits", "--image", &cut, "--allow-truncated"], &["cut.jpg: cut short (it ends after"]);
    let preset = ["mobilenet_v2_x1.0", "--image", PICTURE, "--preset", "torchvision-v2"];
    run(&preset, &["cover 232x232 (bilinear), cropped to 224x224, mean 0.485,0.456,0.406"]);
    run(
        &["rexnet_digits", "--image", PICTURE, "--image", "examples/digit-3.png"],
        &["image 1", "digit-7.png: ", "digit-3.png: "],
    );
    let several =
        ["run", "rexnet_digits", "--engine", "generic", "--json", "--image", PICTURE, "--image", "examples/digit-3.png"];
    let report: Value = json(&several);
    assert_eq!([0, 1].map(|image| report["top"][image][0]["class"].as_u64().unwrap()), [7, 3]);
    assert_eq!(report["images"][1]["interpolation"], "bilinear");
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
    let own = if cfg!(target_arch = "aarch64") { &["neon", "portable"][..] } else { &["avx512", "avx2", "portable"] };
    let all = ["avx512", "avx2", "neon", "portable"];
    for (options, expected) in [(&[][..], own), (&["--levels", "all"], &all), (&["--levels", "portable,neon"], &all[2..])] {
        let report: Value = json(&[&["compile", "rexnet_digits", "-o", &dir, "--json"], options].concat());
        let levels: Vec<&str> =
            report["levels"].as_array().unwrap().iter().map(|level| level["level"].as_str().unwrap()).collect();
        assert_eq!(levels, expected);
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
    for key in "name layers median_us quiet_us macs share_of_peak bound_by explained counts".split(' ') {
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
fn explains_where_the_time_goes() {
    let level = Level::best().unwrap();
    let args = ["explain", "rexnet_digits", "--runs", "5", "--level", level.name()];
    let table = sartor().args(args).arg("--tiles").assert().success();
    table.stdout(contains("bound by").and(contains("multiply-adds and additions")).and(contains("estimates, best first")));
    fails(&[&args[..], &["--html", "/nowhere/page.html"]].concat(), &["/nowhere/page.html", "--html"]);
}

#[test]
fn measures_a_program_as_a_process() {
    let report: Value = json(&["process", "rexnet_digits", "--rounds", "3", "--json"]);
    let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("{key}: {report}"));
    assert!(number("binary_bytes") > number("weights_bytes") && number("weights_bytes") > 0.0 && number("compile_seconds") > 0.0);
    assert!(report["usage_ms"]["min"].as_f64().unwrap() > 0.0);
    let starts = report["starts"].as_array().unwrap();
    assert_eq!(starts.iter().map(|start| start["threads"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    for start in starts {
        let first = start["first_stage_ms"]["min"].as_f64().unwrap();
        assert!(first > 0.0 && first < start["answer_ms"]["median"].as_f64().unwrap());
    }
    let runs = report["runs"].as_array().unwrap();
    let cases: Vec<_> = runs.iter().map(|run| (run["batch"].as_u64().unwrap(), run["threads"].as_u64().unwrap())).collect();
    assert_eq!(cases, [(1, 1), (1, 2), (8, 1), (8, 2)]);
    assert!(runs[0]["speedup"] == 1.0 && runs[0]["beside_one_image"] == 1.0);
}

#[test]
fn sweeps_go_on_where_they_were_stopped() {
    let folder = Folder::new();
    let (output, plot) = (folder.path("sweep.json"), folder.path("sweep.svg"));
    let level = Level::best().unwrap().name();
    let sweep = ["sweep", "--only", "shufflenet_v1_g8_x0.5", "--levels", level, "--output", &output, "--plot", &plot, "--json"];
    // There is no time to begin a point. Nothing is measured, and the command says so.
    let stopped = sartor().args(sweep).args(["--budget", "0"]).assert().failure();
    stopped.stderr(contains("1 of 1 points are not measured yet"));
    let point = |share: f64, network: &str| serde_json::json!({ "network": network, "level": level, "quiet_ms": 1.0, "share_of_peak": share, "disturbed": 0.0, "runs": 20 });
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpuinfo.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim()));
    let write = |share: f64, cpu: &str| {
        let points = [point(share, "shufflenet_v1_g8_x0.5"), point(0.5, "shufflenet_v1_g8_x1.0")];
        std::fs::write(&output, serde_json::json!({ "cpu": cpu, "points": points }).to_string()).unwrap();
    };
    write(0.5, cpu.unwrap_or(std::env::consts::ARCH));
    sartor().args(sweep).assert().success();
    assert!(std::fs::read_to_string(&plot).unwrap().starts_with("<svg"));
    write(0.34, cpu.unwrap_or(std::env::consts::ARCH));
    sartor().args(sweep).assert().failure().stderr(contains("1 of 2 comparisons"));
    write(0.5, "another CPU");
    fails(&sweep, &["another CPU", "--fresh"]);
    fails(&["sweep", "--only", "resnet"], &["resnet", "mobilenet_v2_x1.0"]);
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

#[test]
fn prints_what_is_proven_of_every_kernel() {
    let proven: Value = json(&["verify", "--proof", "rexnet_digits", "--json"]);
    let levels = proven["levels"].as_array().unwrap();
    assert_eq!(levels.len(), Level::ALL.len(), "the proof needs no CPU");
    for level in levels {
        let kernels = level["kernels"].as_array().unwrap();
        let counted = |key: &str| kernels.iter().all(|kernel| kernel[key].as_u64().unwrap() > 0);
        assert!(kernels.len() > 40 && counted("accesses") && counted("calls") && counted("writes"), "{level}");
        assert!(level["pad_lanes"].as_u64().unwrap() > 0 && level["sharing"].as_u64().unwrap() > 0, "{level}");
    }
    let table = sartor().args(["verify", "--proof", "rexnet_digits", "--level", "neon"]).assert().success();
    table.stdout(contains("accesses in bounds").and(contains("pad lanes zero")).and(contains("_neon")));
}

/// Compiles and runs a trial. Its numbers are times, which differ from run to run, so only how they are stored is checked.
#[test]
fn tuning_goes_on_where_it_stopped_and_is_reported() {
    let folder = Folder::new();
    let file = folder.path("tuning.json");
    let args = ["tune", "rexnet_digits", "--seconds", "0", "--json", "--tuning", &file];
    for count in 1..=2 {
        let report: Value = json(&args);
        let measured = report["measured"].as_array().unwrap();
        assert_eq!(measured.len(), count, "{report}");
        assert!(report["problems"].as_u64().unwrap() > 2 && report["within_5_percent"].as_u64().unwrap() <= count as u64);
        for row in measured {
            let us = |name: &str| row[name].as_f64().unwrap();
            assert!(us("best_us") > 0.0 && us("best_us") <= us("model_us") && us("behind") >= 0.0, "{row}");
        }
    }
    assert_eq!(folder.entries(), 1);
    let written = std::fs::read(&file).unwrap();
    let shown: Value = json(&["tune", "rexnet_digits", "--report", "--json", "--tuning", &file]);
    assert_eq!(shown["measured"].as_array().unwrap().len(), 2);
    assert_eq!(std::fs::read(&file).unwrap(), written);
    sartor().args(["tune", "rexnet_digits", "--report", "--tuning", &file]).assert().success().stdout(contains("2 of "));
    fails(&["tune", "mobilenet_v1_x0.25", "--report", "--tuning", &file], &["has no results", "run sartor tune"]);
}

#[test]
fn programs_are_planned_as_they_were_tuned() {
    let folder = Folder::new();
    let shown = |file: &str| -> Vec<String> {
        let shown: Value = json(&["show", "rexnet_digits", "--level", "avx2", "--json", "--tuning", file]);
        shown["layers"].as_array().unwrap().iter().map(|layer| layer["kernel"].as_str().unwrap().to_owned()).collect()
    };
    let caches = serde_json::to_string(&sartor::tuning::cpu_caches::Sizes::here()).unwrap();
    let of = |problems: &str| {
        format!(r#"{{"format": 1, "machines": [{{"level": "avx2", "caches": {caches}, "problems": {{{problems}}}}}]}}"#)
    };
    let usual = shown(&folder.file("none.json", of("").as_bytes()));
    let stem = "g1ic3oc32_ih32oh16kh3sh2ph1_iw32ow16kw3sw2pw1_relu6";
    let tile = r#"{"stages": [{"rows": {"strip": 2, "layers": [{"tile": {"panels": 1, "pixels": 3}}, {}, {"tile": {"panels": 1, "pixels": 2}}]}}], "model_us": 2.0, "best_us": 1.0}"#;
    let rest = "g32ic32oc32_ih16oh16kh3ph1_iw16ow16kw3pw1_relu6 + g1ic32oc16_ih16oh16kh1ph0_iw16ow16kw1pw0";
    let tuned = shown(&folder.file("tuned.json", of(&format!(r#""{stem} + {rest}": {tile}"#)).as_bytes()));
    assert!(tuned[0].starts_with("direct3x3s2_3x16_") && tuned[2].starts_with("pointwise_2x16_"), "{tuned:?}");
    assert_ne!(usual[0], tuned[0]);
    assert_eq!(usual[3..], tuned[3..]);
}

#[test]
fn tuning_files_that_cannot_be_used_are_named() {
    let folder = Folder::new();
    let broken = folder.file("broken.json", b"{\"format\": 1, \"machines\": [");
    let missing = folder.path("missing.json");
    for command in ["show", "compile", "bench", "run"] {
        let rest: &[&str] = match command {
            "compile" => &["-o", "unused"],
            "run" => &["--image", PICTURE],
            _ => &[],
        };
        fails(&[&[command, "rexnet_digits", "--tuning", &broken], rest].concat(), &["broken.json", "not a tuning file"]);
        fails(&[&[command, "rexnet_digits", "--tuning", &missing], rest].concat(), &["missing.json", "does not exist"]);
    }
    fails(&["tune", "rexnet_digits", "--tuning", &broken], &["broken.json", "not a tuning file"]);
    // The default tuning file is optional.
    folder.file("tuning.json", b"{}");
    let show = sartor().args(["show", "rexnet_digits"]).env("SARTOR_CACHE", folder.path("")).assert().success();
    show.stderr(contains("warning: tuning file").and(contains("tuning.json")).and(contains("it is ignored")));
}
