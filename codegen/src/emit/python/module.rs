//! Prints the module, which calls the functions for C.

use sartor_kernels::runtime::session::MAX_THREADS;
use sartor_models::escape::python_string;
use sartor_models::input::Layout;
use sartor_models::{Network, Shape};

use super::super::c::Identity;
use super::super::fill::fill;
use super::super::inputs::Input;
use super::super::package::Package;
use super::calls::{example, listed};
use super::pictures;

/// Prints `__init__.py`.
pub fn print(network: &Network, batch: usize, package: &Package, identity: &Identity) -> String {
    let inputs = package.inputs(network);
    let outputs: Vec<_> = network.outputs().iter().map(|&id| network.node(id)).collect();
    let images = if batch == 1 { "N".into() } else { format!("a multiple of {batch}") };
    let taken = |Shape { c, h, w }: Shape| format!("({images}, {c}, {h}, {w})");
    let all = |Shape { c, h, w }: Shape| tuple(&[batch, c, h, w]);
    let part = |name: &str, dims: &[usize], more: &[String]| {
        let length: usize = dims.iter().product();
        format!("({})", [&[python_string(name), tuple(dims), length.to_string()], more].concat().join(", "))
    };
    let input = |Input { name, shape }: &Input| {
        let Shape { c, h, w } = *shape;
        let called = if inputs.len() == 1 { "the input".into() } else { format!("input {}", python_string(name)) };
        part(name, &[c, h, w], &[python_string(&called), python_string(&taken(*shape))])
    };
    let several = outputs.len() > 1;
    let (answer_text, split) =
        if several { ("a dict of arrays by the names of the outputs", SEVERAL) } else { ("the array of the output", ONE) };
    let about = format!("{}, compiled by Sartor {}.", sartor_models::escape::code(&network.name), env!("CARGO_PKG_VERSION"));
    let order = match package.input.layout {
        Layout::Nchw => "images, channels, rows, columns",
        Layout::Nhwc => "images, rows, columns, channels",
    };
    let names = public_names(package);
    let shapes: Vec<String> = inputs.iter().map(|input| taken(input.shape)).collect();
    let values = [
        ("about", in_docstring(&about)),
        ("net", identity.name.clone()),
        ("version", identity.version.clone()),
        ("hash", identity.hash.clone()),
        ("max_threads", MAX_THREADS.to_string()),
        ("call", in_docstring(&example(&inputs))),
        ("values_text", values_text(inputs.len(), order, &shapes.join(" and "))),
        ("copies_text", if inputs.len() == 1 { COPIES } else { JOINS }.into()),
        ("take", if inputs.len() == 1 { "_read(inputs[0], _INPUTS[0])" } else { "_joined(inputs)" }.into()),
        ("joined", if inputs.len() == 1 { "" } else { JOINED }.into()),
        ("imports", pictures::imports(package).into()),
        ("names", listed(names.iter().map(|name| format!("\"{name}\"")))),
        ("batch", batch.to_string()),
        ("inputs", listed(inputs.iter().map(|Input { name, shape }| format!("{}: {}", python_string(name), all(*shape))))),
        ("outputs", {
            let dims = |shape| tuple(&[&[batch][..], &dims(shape)].concat());
            listed(outputs.iter().map(|node| format!("{}: {}", python_string(&node.name), dims(node.shape))))
        }),
        ("taken", listed(inputs.iter().map(input))),
        ("parts", listed(outputs.iter().map(|node| part(&node.name, &dims(node.shape), &[])))),
        ("answer_text", answer_text.into()),
        ("split", split.into()),
    ];
    fill(include_str!("../template/module.py"), &values.each_ref().map(|(key, value)| (*key, value.as_str()))) + "\n"
}

/// The names that the module is for, sorted.
pub fn public_names(package: &Package) -> Vec<&'static str> {
    let (labels, preprocess) = pictures::has(package);
    let more = [("LABELS", labels), ("preprocess", preprocess)].into_iter().filter_map(|(name, has)| has.then_some(name));
    let mut names = vec!["HASH", "INPUTS", "MAX_THREADS", "OUTPUTS", "Model", "__version__"];
    names.extend(more);
    names.sort_unstable();
    names
}

/// A line as a docstring holds it.
fn in_docstring(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// What the docstring says of the values.
fn values_text(inputs: usize, order: &str, shapes: &str) -> String {
    let begin = if inputs == 1 {
        "`images` are"
    } else {
        "The inputs are given by name, as a dict, or in the order of `INPUTS`. They are"
    };
    format!("{begin} float32 in the order {order}: {shapes}.")
}

const COPIES: &str = "Arrays in C order are read where they lie, others are copied.";
const JOINS: &str = "They are copied, so that those of an image follow one another.";

const JOINED: &str = include_str!("../template/joined.py");

/// The dimensions of an output of one image. Scores of classes are a row.
fn dims(shape: Shape) -> Vec<usize> {
    if (shape.h, shape.w) == (1, 1) { vec![shape.c] } else { vec![shape.c, shape.h, shape.w] }
}

fn tuple(dims: &[usize]) -> String {
    let dims: Vec<String> = dims.iter().map(usize::to_string).collect();
    if dims.len() == 1 { format!("({},)", dims[0]) } else { format!("({})", dims.join(", ")) }
}

const ONE: &str = "    _, shape, length = _PARTS[0]
    return _part(answer, 0, count * length, shape if single else (count, *shape))";

const SEVERAL: &str = "    parts, begin = {}, 0
    for name, shape, length in _PARTS:
        parts[name] = _part(answer, begin, count * length, shape if single else (count, *shape))
        begin += count * length
    return parts";
