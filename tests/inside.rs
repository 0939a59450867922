//! Looking inside a network: tensors written by `run --dump`, what `show` says of a file's nodes, and files without weights.

use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;
use prost::Message;
use sartor::data::npy;
use sartor::models::proto::{Entry, Model, Tensor};
use serde_json::Value;

mod common;
use common::{Folder, PICTURE, fails, json, sartor};

const SILU: &str = "tests/onnx/idioms/silu/opset17.onnx";
const NORM: &str = "tests/onnx/idioms/conv_bn/opset17.onnx";
const LAST: &str = "tests/onnx/idioms/nhwc_in/opset17.onnx";
const SQUEEZE: &str = "tests/onnx/idioms/se_linear/opset17.onnx";

fn input_of(model: &str) -> String {
    Path::new(model).with_file_name("input.npy").to_str().unwrap().to_owned()
}

/// Runs a file on its input and writes a tensor.
fn dumped(model: &str, engine: &str, name: &str, folder: &Folder) -> (Vec<usize>, Vec<f32>) {
    let (at, out) = (folder.path("dump.npy"), folder.path("out.npy"));
    let dump = format!("{name}={at}");
    let args = ["run", model, "--input", &input_of(model), "--engine", engine, "--output", &out, "--dump", &dump];
    sartor().args(args).assert().success();
    npy::read(at.as_ref()).unwrap()
}

fn tensors(model: &str) -> Vec<String> {
    let model = Model::decode(&*std::fs::read(model).unwrap()).unwrap();
    model.graph.unwrap().node.into_iter().flat_map(|node| node.output).collect()
}

#[test]
fn a_tensor_is_written_as_it_lies_in_the_file() {
    let folder = Folder::new();
    let (shape, given) = npy::read(input_of(LAST).as_ref()).unwrap();
    let input = Model::decode(&*std::fs::read(LAST).unwrap()).unwrap().graph.unwrap().input[0].name().to_owned();
    for engine in ["reference", "generic", "specialised"] {
        assert_eq!(dumped(LAST, engine, &input, &folder), (shape.clone(), given.clone()), "the input, {engine}");
    }
    // The first node moves the channels to the front: a view.
    let view = &tensors(LAST)[0];
    let (moved, values) = dumped(LAST, "reference", view, &folder);
    assert_eq!(moved, [shape[0], shape[3], shape[1], shape[2]]);
    let (c, pixels) = (shape[3], shape[1] * shape[2]);
    assert!((0..c * pixels).all(|i| values[i] == given[i % pixels * c + i / pixels]));
}

#[test]
fn engines_agree_on_what_they_have() {
    let folder = Folder::new();
    let last = tensors(NORM).pop().unwrap();
    let (shape, exact) = dumped(NORM, "reference", &last, &folder);
    let (_, output) = npy::read(folder.path("out.npy").as_ref()).unwrap();
    assert_eq!(exact, output);
    for engine in ["generic", "specialised"] {
        let (found, values) = dumped(NORM, engine, &last, &folder);
        assert_eq!(found, shape);
        assert!(values.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-4), "{engine}");
    }
    // What is fused exists in the reference only.
    let network = ["run", "rexnet_digits", "--image", PICTURE, "--image", PICTURE];
    let dump = format!("stem.bn={}", folder.path("bn.npy"));
    let names: Value = json(&["show", "rexnet_digits", "--json"]);
    let layer = names["layers"][0]["name"].as_str().unwrap().to_owned();
    let own = format!("{layer}={}", folder.path("own.npy"));
    sartor().args(network).args(["--engine", "reference", "--dump", &own]).assert().success();
    assert_eq!(npy::read(folder.path("own.npy").as_ref()).unwrap().0[0], 2);
    let refused = [&network[..], &["--dump", &own]].concat();
    fails(&refused, &[&format!("does not have tensor '{layer}' as a whole"), "inside layer", "--engine reference"]);
    fails(&[&network[..], &["--dump", &dump]].concat(), &["no node 'stem.bn'", "there are '"]);
}

#[test]
fn what_cannot_be_written_says_why() {
    let refused = |model: &str, name: &str, parts: &[&str]| {
        let dump = format!("{name}=/nowhere/x.npy");
        fails(&["run", model, "--input", &input_of(model), "--engine", "generic", "--dump", &dump], parts);
    };
    let inner = tensors(SILU).remove(0);
    refused(SILU, &inner, &[&format!("'{inner}' vanished: node '"), "in one step"]);
    refused(SILU, &format!("{inner}x"), &["no tensor", &format!("'{inner}'")]);
    let file = Model::decode(&*std::fs::read(NORM).unwrap()).unwrap().graph.unwrap();
    refused(NORM, file.initializer[0].name(), &["was folded"]);
    refused(NORM, file.node.last().unwrap().output[0].as_str(), &["/nowhere/x.npy"]);
    sartor().args(["run", NORM, "--dump", "x", "--input", "x.npy"]).assert().failure().stderr(contains("write NAME=F.npy"));
}

#[test]
fn show_lists_what_each_node_became() {
    let shown: Value = json(&["show", SILU, "--json", "--level", "avx2"]);
    let rows = shown["file"].as_array().unwrap();
    let became: Vec<&str> = rows.iter().map(|row| row["became"].as_str().unwrap()).collect();
    assert_eq!(became, ["fused", "node"]);
    assert_eq!((&rows[0]["operator"], &rows[0]["name"]), (&"Sigmoid".into(), &"/Sigmoid".into()));
    assert!(rows[1]["kernel"].as_str().unwrap().ends_with("silu_avx2"), "{rows:?}");
    assert_eq!(rows[1]["lanes"], "0..8");
    let chunk = sartor().args(["show", "tests/onnx/idioms/chunk/opset17.onnx"]).assert().success();
    chunk.stdout(contains("folded to a constant").and(contains("lanes of other layers")));
    let zoo: Value = json(&["show", "rexnet_digits", "--json"]);
    assert!(zoo["file"].is_null());
}

#[test]
fn the_nodes_of_the_file_are_named() {
    let name = "/a/Gemm";
    sartor().args(["verify", SQUEEZE, "--level", "portable"]).assert().success().stdout(contains(name));
    let bench: Value = json(&["bench", SQUEEZE, "--layers", "--runs", "2", "--json"]);
    let explained: Value = json(&["explain", SQUEEZE, "--runs", "2", "--json"]);
    for stages in [&bench["layers"], &explained["stages"]] {
        let mut layers = stages.as_array().unwrap().iter().flat_map(|stage| stage["layers"].as_array().unwrap());
        assert!(layers.any(|layer| layer["name"] == name), "{stages}");
    }
}

#[test]
fn a_file_without_its_weights_can_be_looked_at() {
    let folder = Folder::new();
    let mut model = Model::decode(&*std::fs::read(NORM).unwrap()).unwrap();
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        let location = Entry { key: Some("location".into()), value: Some("missing.data".into()) };
        *tensor = Tensor {
            raw_data: None,
            float_data: Vec::new(),
            data_location: Some(Tensor::EXTERNAL),
            external_data: vec![location],
            ..tensor.clone()
        };
    }
    let file = folder.file("model.onnx", &model.encode_to_vec());
    let said = "are missing; all weights are drawn at random";
    for args in [&["show", &file][..], &["bench", &file, "--runs", "2"], &["explain", &file, "--runs", "2"]] {
        sartor().args(args).assert().success().stderr(contains(said));
    }
    fails(&["run", &file, "--input", &input_of(NORM)], &["missing"]);
}
