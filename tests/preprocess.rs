//! `--preprocess`: what it says is what `run` does and what a compiled crate holds.

use std::path::Path;
use std::process::Command;

use predicates::str::contains;
use sartor::data::image::{Preprocess, Settings};
use sartor::models::Shape;
use serde_json::Value;

mod common;
use common::{Folder, PICTURE, fails, json, sartor};

#[test]
fn the_example_is_what_the_docs_show() {
    let example = std::fs::read_to_string("docs/preprocess.json").unwrap();
    assert!(std::fs::read_to_string("docs/preprocess.md").unwrap().contains(&example));
    let pictures = Settings::read("docs/preprocess.json".as_ref()).unwrap();
    let pictures = pictures.over(&Preprocess::symmetric(224, 224), Shape::new(3, 224, 224)).unwrap();
    assert_eq!(pictures.steps, Preprocess::imagenet(224, 224));
    assert_eq!(pictures.labels.names(), ["cat", "dog"]);
}

#[test]
fn a_file_overrides_the_preset_and_options_override_the_file() {
    let folder = Folder::new();
    let names: String = (0..10).map(|digit| format!("digit {digit}\n")).collect();
    folder.file("names.txt", names.as_bytes());
    let file = folder.file("p.json", br#"{"resize": [40, 50], "mean": [0.4, 0.5, 0.6], "labels": "names.txt"}"#);
    let run = ["run", "rexnet_digits", "--engine", "generic", "--image", PICTURE, "--preprocess", &file];
    let stated = "resized to cover 40x50 (bilinear), cropped to 32x32, mean 0.4,0.5,0.6, std 0.5,0.5,0.5";
    sartor().args(run).assert().success().stdout(contains(stated)).stdout(contains("digit 7"));
    let stated = "resized to cover 36x36 (bilinear), cropped to 32x32, mean 0.4,0.5,0.6, std 1,1,1";
    sartor().args(run).args(["--resize", "36", "--std", "1,1,1"]).assert().success().stdout(contains(stated));
}

#[test]
fn what_is_wrong_is_named() {
    let folder = Folder::new();
    let refused = |text: &str, parts: &[&str]| {
        let file = folder.file("p.json", text.as_bytes());
        fails(&["run", "rexnet_digits", "--image", PICTURE, "--preprocess", &file], parts);
    };
    refused(r#"{"crop": 31}"#, &["crop is 31x31", "the network's input is 32x32"]);
    refused(r#"{"means": [0, 0, 0]}"#, &["p.json: unknown field `means`", "`mean`"]);
    refused(r#"{"std": [1, 1, -1]}"#, &["p.json: 'std' is [1,1,-1]: give three positive numbers"]);
    refused(r#"{"labels": "missing.txt"}"#, &["missing.txt: No such file"]);
    refused("{", &["p.json: EOF"]);
    fails(&["run", "rexnet_digits", "--image", PICTURE, "--preprocess", "missing.json"], &["missing.json: No such file"]);
}

#[test]
fn a_compiled_crate_says_it_too() {
    let folder = Folder::new();
    let out = folder.path("crate");
    let labels = folder.file("names.txt", "a\nb\n\u{1b}\"c".as_bytes());
    let options =
        ["--levels", "portable", "--kind", "lib", "--resize", "32x40", "--std", "0.1,2,30", "--labels", &labels, "-o", &out];
    let _: Value = json(&[&["compile", "rexnet_digits", "--json"], &options[..]].concat());
    let at = |file: &str| Path::new(&out).join(file);
    let manifest: Value = serde_json::from_slice(&std::fs::read(at("sartor.json")).unwrap()).unwrap();
    let again = folder.file("again.json", manifest["preprocess"].to_string().as_bytes());
    let pictures = Settings::read(again.as_ref()).unwrap();
    let pictures = pictures.over(&Preprocess::imagenet(32, 32), Shape::new(3, 32, 32)).unwrap();
    assert_eq!(pictures.steps, Preprocess { cover: (32, 40), std: [0.1, 2.0, 30.0], ..Preprocess::symmetric(32, 32) });
    assert_eq!(pictures.labels.names(), ["a", "b", "\u{1b}\"c"]);
    assert_eq!(std::fs::read_to_string(at("labels.txt")).unwrap(), "a\nb\n\u{1b}\"c\n");
    let text = std::fs::read_to_string(at("src/preprocess.rs")).unwrap();
    assert!(text.contains("resize: [32, 40],") && text.contains("std: [0.1, 2.0, 30.0],"), "{text}");
    let clean = Command::new("rustfmt").args(["--check", "--edition", "2024"]).arg(at("src/lib.rs")).status().unwrap();
    assert!(clean.success(), "rustfmt would change the crate");
    let clippy =
        ["clippy", "--offline", "--manifest-path", at("Cargo.toml").to_str().unwrap(), "--", "-D", "warnings"].map(str::to_owned);
    let clippy = Command::new(env!("CARGO")).args(clippy).current_dir(&out).output().unwrap();
    assert!(clippy.status.success(), "{}", String::from_utf8_lossy(&clippy.stderr));
}
