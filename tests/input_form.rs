//! `--input-type`, `--input-order` and `--input-layout`: the network in another form gives the same answers, wherever it runs.

use std::path::Path;
use std::process::Command;

use predicates::str::contains;
use sartor::data::image::Preprocess;
use sartor::data::npy;
use sartor::judge::engines::{GenericEngine, ReferenceEngine};
use sartor::models::input::{ChannelOrder, InputForm, Layout, Normalisation};
use sartor::models::zoo;
use sartor::{Level, Weights};
use serde_json::Value;

mod common;
use common::{Folder, PICTURE, fails, json, sartor};

const COFFEE: &str = "tests/pictures/files/photos/coffee.jpg";

/// The default of each family of these has padding at its first convolution.
#[test]
fn every_form_gives_the_same_answer() {
    for name in ["rexnet_digits", "shufflenet_v1_g3_x1.0@64x48", "mobilenet_v1_x0.05@40x48"] {
        let network = name.parse::<zoo::Spec>().unwrap().build().unwrap();
        let weights = Weights::random(&network, 5);
        let shape = network.input_shape();
        let steps = Preprocess::imagenet(shape.h, shape.w);
        let expected = ReferenceEngine::new(&network, &weights).unwrap().run(&steps.load(COFFEE.as_ref()).unwrap(), 1).unwrap();
        let pixels = Preprocess { pixels: true, ..steps }.load(COFFEE.as_ref()).unwrap();
        assert!(pixels.iter().all(|value| value.fract() == 0.0 && (0.0..=255.0).contains(value)));
        for order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
            for layout in [Layout::Nchw, Layout::Nhwc] {
                let normalisation = Some(Normalisation { mean: steps.mean, std: steps.std });
                let form = InputForm { order, layout, normalisation, ..InputForm::default() };
                let formed = form.of(&network, &weights).unwrap();
                let input = form.arranged(pixels.clone());
                let reference = ReferenceEngine::new(&formed.network, &formed.weights).unwrap().run(&input, 1).unwrap();
                let mut generic = GenericEngine::new(&formed.network, &formed.weights, Level::Portable).unwrap();
                for found in [reference, generic.run(&input, 1).unwrap()] {
                    let largest = expected[0].iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
                    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * largest;
                    assert!(found[0].iter().zip(&expected[0]).all(near), "{name} {form:?}");
                }
            }
        }
    }
}

#[test]
fn pictures_and_bytes_go_in() {
    let folder = Folder::new();
    let run = ["run", "rexnet_digits", "--image", COFFEE, "--json"];
    let probability = |report: &Value| report["top"][0][0]["probability"].as_f64().unwrap();
    let usual = json::<Value>(&run);
    for form in [
        &["--input-type", "u8"][..],
        &["--input-type", "f32", "--input-order", "bgr"],
        &["--input-order", "bgr", "--engine", "reference"],
        &["--input-type", "u8", "--input-layout", "nhwc", "--input-order", "bgr", "--engine", "generic"],
    ] {
        let report = json::<Value>(&[&run[..], form].concat());
        assert_eq!(report["top"][0][0]["class"], usual["top"][0][0]["class"], "{form:?}");
        assert!((probability(&report) - probability(&usual)).abs() < 1e-4, "{form:?}");
    }
    let bytes: Vec<u8> = (0..3 * 32 * 32u32).map(|i| (i * 37 % 256) as u8).collect();
    let file = folder.file("x.npy", &array("|u1", "3, 32, 32", &bytes));
    sartor().args(["run", "rexnet_digits", "--input-type", "u8", "--input", &file]).assert().success();
    fails(&["run", "rexnet_digits", "--input", &file], &["'|u1', not '<f4'"]);
    let layout = ["run", "rexnet_digits", "--engine", "generic", "--input-layout", "nhwc", "--input", &file];
    fails(&[&layout[..], &["--input-type", "u8"]].concat(), &["has shape [3, 32, 32]", "[N, 32, 32, 3]"]);
}

#[test]
fn a_file_takes_them_too() {
    let folder = Folder::new();
    let file = folder.path("digits.onnx");
    sartor().args(["export", "rexnet_digits", "-o", &file]).assert().success();
    let normalised = ["--resize", "32", "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"];
    let run = [&["run", &file, "--image", PICTURE, "--json"], &normalised[..]].concat();
    let usual = json::<Value>(&run);
    let report = json::<Value>(&[&run[..], &["--input-type", "u8", "--input-order", "bgr"]].concat());
    assert_eq!(report["top"][0][0]["class"], usual["top"][0][0]["class"]);
    // The file's input is what the first steps give.
    let dump = format!("input={}", folder.path("x.npy"));
    let forms = ["--input-type", "u8", "--input-layout", "nhwc", "--engine", "reference", "--dump", &dump];
    sartor().args(&run[..]).args(forms).assert().success();
    let (shape, values) = npy::read(folder.path("x.npy").as_ref()).unwrap();
    let expected = Preprocess::symmetric(32, 32).load(PICTURE.as_ref()).unwrap();
    assert_eq!(shape, [1, 3, 32, 32]);
    assert!(values.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
    let verify = ["verify", "rexnet_digits", "--level", "portable", "--input-type", "u8", "--input-order", "bgr"];
    sartor().args(verify).assert().success().stdout(contains("input.normalised"));
}

/// A library takes bytes; the program of a crate reads them.
#[test]
fn a_compiled_crate_takes_bytes() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..3 * 32 * 32u32).map(|i| (i * 53 % 256) as u8).collect();
    let compile = |kind: &str, more: &[&str]| -> (String, Value) {
        let out = folder.path(kind);
        let args = ["compile", "rexnet_digits", "--levels", "portable", "--kind", kind, "--json", "-o", &out];
        let report: Value = json(&[&args[..], more].concat());
        (
            report["artifact"].as_str().unwrap().to_owned(),
            serde_json::from_slice(&std::fs::read(Path::new(&out).join("sartor.json")).unwrap()).unwrap(),
        )
    };
    let (program, manifest) = compile("bin", &["--input-type", "u8"]);
    let input = serde_json::json!({"type": "u8", "layout": "nchw", "order": "rgb", "normalised_inside": true});
    assert_eq!(manifest["input"], input);
    let floats: Vec<u8> = bytes.iter().flat_map(|&byte| f32::from(byte).to_le_bytes()).collect();
    let files =
        [folder.file("u1.npy", &array("|u1", "3, 32, 32", &bytes)), folder.file("f4.npy", &array("<f4", "3, 32, 32", &floats))];
    let outputs = files.each_ref().map(|file| {
        let output = folder.path("y.npy");
        let done = Command::new(&program).args([file, "--output", &output]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        npy::read(output.as_ref()).unwrap()
    });
    assert_eq!(outputs[0], outputs[1]);
    let cut = folder.file("cut.npy", &array("|u1", "3, 32, 32", &bytes[1..]));
    let done = Command::new(&program).arg(cut).output().unwrap();
    assert!(String::from_utf8_lossy(&done.stderr).contains("the file is cut off"));

    let (library, _) = compile("lib", &["--input-type", "u8"]);
    let list = outputs[0].1.iter().map(|value| format!("{:?}", value)).collect::<Vec<_>>().join(", ");
    let source = format!(
        "use rexnet_digits::{{INPUT_LEN, Model, OUTPUT_LEN}};
         fn main() {{
             let mut model = Model::new(1).unwrap();
             let bytes: Vec<u8> = (0..INPUT_LEN as u32).map(|i| (i * 53 % 256) as u8).collect();
             let mut output = [0.0; OUTPUT_LEN];
             model.run_u8(&bytes, &mut output).unwrap();
             assert_eq!(output, [{list}]);
             let mut two = [0.0; 2 * OUTPUT_LEN];
             model.run_u8(&[&bytes[..], &bytes].concat(), &mut two).unwrap();
             assert_eq!(two[..OUTPUT_LEN], two[OUTPUT_LEN..]);
             assert!(model.run_u8(&bytes[1..], &mut output).unwrap_err().to_string().contains(\"3071 values\"));
             assert!(rexnet_digits::PREPROCESS.inside);
         }}"
    );
    let main = folder.file("main.rs", source.as_bytes());
    let user = folder.path("user");
    let crate_of = format!("rexnet_digits={library}");
    let built =
        Command::new("rustc").args(["--edition", "2024", "-O", &main, "--extern", &crate_of, "-o", &user]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let ran = Command::new(&user).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// An `.npy` file of these elements.
fn array(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), bytes].concat()
}
