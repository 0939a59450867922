//! A network of two inputs, `y = left + right`, in Rust, in C and in Python: each tells the inputs by name and takes them one after another.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use prost::Message;
use sartor::kernels::report::skipped;
use sartor::models::proto::{Dimension, FLOAT, Graph, Model, Node, OperatorSet, TensorShape, TensorType, Type, ValueInfo};

mod common;
use common::python::{environment, has, run, wheel};
use common::{Folder, sartor};

fn info(name: &str, dims: &[i64]) -> ValueInfo {
    let dim = dims.iter().map(|&dim| Dimension { dim_value: Some(dim), dim_param: None }).collect();
    let tensor = TensorType { elem_type: Some(FLOAT), shape: Some(TensorShape { dim }) };
    ValueInfo { name: Some(name.into()), r#type: Some(Type { tensor_type: Some(tensor) }) }
}

/// The file of the sum of two inputs, of these names: `[1, 2, 3, 3]`, and one value for each of its channels.
fn sum(folder: &Folder, names: [&str; 2]) -> String {
    let node = Node {
        input: names.map(String::from).to_vec(),
        output: vec!["y".into()],
        op_type: Some("Add".into()),
        ..Node::default()
    };
    let input = vec![info(names[0], &[1, 2, 3, 3]), info(names[1], &[1, 2, 1, 1])];
    let graph = Graph { node: vec![node], input, output: vec![info("y", &[1, 2, 3, 3])], ..Graph::default() };
    let opset_import = vec![OperatorSet { domain: None, version: Some(17) }];
    folder.file("sum.onnx", &Model { graph: Some(graph), opset_import, ..Model::default() }.encode_to_vec())
}

const LEVEL: [&str; 2] = ["--levels", "portable"];

#[test]
fn a_crate_lists_its_inputs() {
    let folder = Folder::new();
    let (file, out) = (sum(&folder, ["left", "right"]), folder.path("sum"));
    sartor().args(["compile", &file, "--kind", "lib", "--batch", "2", "-o", &out]).args(LEVEL).assert().success();
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(Path::new(&out).join("sartor.json")).unwrap()).unwrap();
    let inputs = serde_json::json!([{"name": "left", "shape": [2, 3, 3]}, {"name": "right", "shape": [2, 1, 1]}]);
    assert_eq!(manifest["inputs"], inputs);
    std::fs::create_dir_all(folder.path("app/src")).unwrap();
    let main = "fn main() {
    assert_eq!(sum::INPUTS, [(\"left\", [2, 2, 3, 3]), (\"right\", [2, 2, 1, 1])]);
    let lens = sum::INPUTS.map(|(_, shape)| shape.iter().product::<usize>());
    assert_eq!(lens.iter().sum::<usize>(), sum::INPUT_LEN);
    let image: Vec<f32> = (0..20u8).map(f32::from).collect();
    let mut output = [0.0; sum::OUTPUT_LEN];
    sum::Model::new(1).unwrap().run(&[&image[..], &image].concat(), &mut output).unwrap();
    assert_eq!(output[18..], output[..18]);
    assert!((0..18).all(|i| output[i] == image[i] + image[18 + i / 9]));
}
";
    folder.file("app/src/main.rs", main.as_bytes());
    let manifest =
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nsum = { path = \"../sum\" }\n";
    folder.file("app/Cargo.toml", manifest.as_bytes());
    run(Command::new(env!("CARGO")).args(["run", "--offline", "-q"]).current_dir(folder.path("app")));
}

#[test]
fn a_library_for_c_describes_its_inputs() {
    if !Command::new("gcc").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return skipped("inputs in C", "no gcc");
    }
    let folder = Folder::new();
    let (file, out) = (sum(&folder, ["left", "right"]), folder.path("sum"));
    sartor().args(["compile", &file, "--kind", "c", "-o", &out]).args(LEVEL).assert().success();
    let main = "#include <stdio.h>\n#include \"sum.h\"\nint main(void) {
    const sum_description *about = sum_describe();
    float input[SUM_INPUT_LENGTH], output[SUM_OUTPUT_LENGTH];
    sum_model *model;
    size_t i;
    for (i = 0; i < about->input_count; i++) {
        const size_t *shape = about->inputs[i].shape;
        printf(\"%s %zux%zux%zux%zu %zu\\n\", about->inputs[i].name, shape[0], shape[1], shape[2], shape[3], about->inputs[i].length);
    }
    for (i = 0; i < SUM_INPUT_LENGTH; i++) input[i] = (float)i;
    if (sum_create(1, &model) || sum_run(model, input, SUM_INPUT_LENGTH, output, SUM_OUTPUT_LENGTH)) return 1;
    printf(\"%g %g\\n\", output[1], output[17]);
    sum_destroy(model);
    return 0;
}
";
    let (main, program) = (folder.file("main.c", main.as_bytes()), folder.path("main"));
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", &format!("-I{out}/include"), &main, "-o", &program]);
    run(gcc.arg(format!("{out}/lib/libsum.a")).args(["-lgcc_s", "-lpthread", "-lm", "-ldl"]));
    let told = run(&mut Command::new(program)).stdout;
    assert_eq!(String::from_utf8_lossy(&told), "left 1x2x3x3 18\nright 1x2x1x1 2\n19 36\n");
}

#[test]
fn a_wheel_takes_its_inputs_by_name() {
    let folder = Folder::new();
    let pair = wheel(&folder.path("pair"), &[&sum(&folder, ["left", "right"]), "--name", "pair", LEVEL[0], LEVEL[1]]);
    let odd = wheel(&folder.path("odd"), &[&sum(&folder, ["input.1", "\"\\"]), "--name", "odd", LEVEL[0], LEVEL[1]]);
    let Some(python) = environment(&folder, &[&pair, &odd], "inputs in Python") else { return };
    let calls = || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/inputs.py");
        String::from_utf8(run(Command::new(&python).arg(script)).stdout).unwrap()
    };
    assert_eq!(calls(), "all well without numpy\n");
    if has(&python, &["numpy"], "inputs in Python with numpy") {
        assert_eq!(calls(), "all well with numpy\n");
    }
    if has(&python, &["numpy", "mypy"], "the types of inputs") {
        let typed = "import odd, pair\na = [0.0] * 18\nb = [0.0] * 2\n\
                     pair.Model()(a, b) + pair.Model()(a, right=b) + pair.Model()(left=a, right=b) + pair.Model()({\"left\": a})\n\
                     odd.Model()(a, b) + odd.Model()({\"input.1\": a})\n\
                     pair.Model()(a, middle=b)  # type: ignore[call-overload]\n";
        run(Command::new(&python).args(["-m", "mypy", "--strict"]).arg(folder.file("typed.py", typed.as_bytes())));
    }
}
