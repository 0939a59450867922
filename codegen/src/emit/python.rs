//! The network for Python: a module that calls the functions for C, and its types.

use sartor_kernels::runtime::session::MAX_THREADS;
use sartor_models::escape::python_string;
use sartor_models::{Network, Shape};

use super::c::Identity;
use super::fill::fill;

/// The files of the module, below the folder that is imported.
pub fn files(network: &Network, batch: usize, identity: &Identity) -> Vec<(String, String)> {
    let folder = format!("python/{}", identity.name);
    let types = [("answer_type", if network.outputs().len() == 1 { ARRAY } else { ARRAYS })];
    vec![
        (format!("{folder}/__init__.py"), module(network, batch, identity)),
        (format!("{folder}/__init__.pyi"), fill(include_str!("template/module.pyi"), &types)),
        (format!("{folder}/py.typed"), String::new()),
    ]
}

const ARRAY: &str = "npt.NDArray[np.float32]";
const ARRAYS: &str = "Dict[str, npt.NDArray[np.float32]]";

fn module(network: &Network, batch: usize, identity: &Identity) -> String {
    let Shape { c, h, w } = network.input_shape();
    let outputs: Vec<_> = network.outputs().iter().map(|&id| network.node(id)).collect();
    let named = |shape: &dyn Fn(Shape) -> String| {
        let items: Vec<String> =
            outputs.iter().map(|node| format!("{}: {}", python_string(&node.name), shape(node.shape))).collect();
        items.join(", ")
    };
    let part = |name: &str, shape: Shape| format!("({}, {}, {})", python_string(name), tuple(&dims(shape)), shape.len());
    let parts: Vec<String> = outputs.iter().map(|node| part(&node.name, node.shape)).collect();
    let input_shape = tuple(&[batch, c, h, w]);
    let images = if batch == 1 { "N".into() } else { format!("a multiple of {batch}") };
    let several = outputs.len() > 1;
    let (answer_text, split) =
        if several { ("a dict of arrays by the names of the outputs", SEVERAL) } else { ("the array of the output", ONE) };
    let about = format!("{}, compiled by Sartor {}.", sartor_models::escape::code(&network.name), env!("CARGO_PKG_VERSION"));
    let values = [
        ("about", about.replace('\\', "\\\\").replace('"', "\\\"")),
        ("net", identity.name.clone()),
        ("version", identity.version.clone()),
        ("hash", identity.hash.clone()),
        ("max_threads", MAX_THREADS.to_string()),
        ("shape_text", format!("({images}, {c}, {h}, {w})")),
        ("input_shape", input_shape.clone()),
        ("input", format!("{}: {input_shape}", python_string(&network.nodes()[0].name))),
        ("outputs", named(&|shape| tuple(&[&[batch][..], &dims(shape)].concat()))),
        ("parts", parts.join(", ")),
        ("answer_text", answer_text.into()),
        ("split", split.into()),
    ];
    fill(include_str!("template/module.py"), &values.each_ref().map(|(key, value)| (*key, value.as_str()))) + "\n"
}

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
