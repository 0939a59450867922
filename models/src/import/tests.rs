use std::path::Path;

use prost::Message;
use sartor_ops::Parameter;

use super::{ImportError, ImportOptions, Imported, onnx, onnx_bytes};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Op, Shape};
use crate::proto::{
    self, Attribute, Dimension, Entry, Graph, Model, Node, OperatorSet, Tensor, TensorShape, TensorType, Type, ValueInfo,
};

fn info(name: &str, dims: &[i64]) -> ValueInfo {
    let dim = dims
        .iter()
        .map(|&d| Dimension { dim_value: (d > 0).then_some(d), dim_param: (d == 0).then(|| "width".into()) })
        .collect();
    let tensor = TensorType { elem_type: Some(proto::FLOAT), shape: Some(TensorShape { dim }) };
    ValueInfo { name: Some(name.into()), r#type: Some(Type { tensor_type: Some(tensor) }) }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Node {
    Node {
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        op_type: Some(operator.into()),
        ..Node::default()
    }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    let raw_data = Some(values.iter().flat_map(|x| x.to_le_bytes()).collect());
    Tensor { dims: dims.to_vec(), data_type: Some(proto::FLOAT), name: Some(name.into()), raw_data, ..Tensor::default() }
}

fn integers(name: &str, values: &[i64]) -> Tensor {
    let raw_data = Some(values.iter().flat_map(|x| x.to_le_bytes()).collect());
    let dims = vec![values.len() as i64];
    Tensor { dims, data_type: Some(proto::INT64), name: Some(name.into()), raw_data, ..Tensor::default() }
}

/// A model of one input `x`, `[1, 2, 3, 3]`, whose output is `y`.
fn model(node: Vec<Node>, initializer: Vec<Tensor>) -> Model {
    let graph =
        Graph { node, initializer, input: vec![info("x", &[1, 2, 3, 3])], output: vec![info("y", &[])], ..Graph::default() };
    let opset_import = vec![OperatorSet { domain: None, version: Some(17) }];
    Model { graph: Some(graph), opset_import, ..Model::default() }
}

fn read(model: &Model) -> Result<Imported, ImportError> {
    onnx_bytes("model.onnx".as_ref(), &model.encode_to_vec(), &ImportOptions::default())
}

/// What the error says.
fn refused(model: &Model) -> String {
    read(model).map(|imported| imported.network).unwrap_err().to_string()
}

#[test]
fn all_nodes_that_are_not_supported_are_listed() {
    let nodes = vec![node("Relu", &["x"], "a"), node("Frob", &["a"], "b"), node("Quux", &["b"], "c"), node("Relu", &["c"], "y")];
    let message = refused(&model(nodes, Vec::new()));
    assert!(message.contains("2 nodes that are not supported"), "{message}");
    assert!(message.contains("node 'b' (Frob)") && message.contains("node 'c' (Quux)"), "{message}");
}

#[test]
fn nodes_behind_one_that_is_refused_are_judged_too() {
    let slope = Attribute { name: Some("slope".into()), f: Some(0.5), r#type: Some(Attribute::FLOAT), ..Attribute::default() };
    let odd = |input, output| Node { attribute: vec![slope.clone()], ..node("Relu", &[input], output) };
    // By the dimensions of the input, by what was computed in spite of the attribute, and by those that the file declares.
    let nodes = vec![
        node("Sign", &["x"], "a"),
        odd("a", "b"),
        odd("b", "c"),
        node("Frob", &["c"], "d"),
        odd("d", "e"),
        node("Quux", &["e"], "f"),
        odd("f", "y"),
    ];
    let mut file = model(nodes, Vec::new());
    file.graph.as_mut().unwrap().value_info = vec![info("d", &[1, 2, 3, 3])];
    let Err(ImportError::Unsupported { refusals, .. }) = read(&file) else { panic!("it was read") };
    let found: Vec<&str> = refusals.iter().map(|refusal| &*refusal.node).collect();
    // Nothing says what `f` is.
    assert_eq!(found, ["a", "b", "c", "d", "e", "f"]);
    assert!(refusals[1].reason.contains("attribute slope is not supported (it is 0.5)"), "{}", refusals[1]);
}

#[test]
fn half_precision_is_computed_in_f32() {
    let to = |kind: i32| Attribute {
        name: Some("to".into()),
        i: Some(kind.into()),
        r#type: Some(Attribute::INT),
        ..Attribute::default()
    };
    let cast = |kind, input, output| Node { attribute: vec![to(kind)], ..node("Cast", &[input], output) };
    let nodes = |kind| vec![cast(kind, "x", "a"), node("Relu", &["a"], "b"), cast(proto::FLOAT, "b", "y")];
    for kind in [proto::FLOAT16, proto::BFLOAT16, proto::DOUBLE] {
        let network = read(&model(nodes(kind), Vec::new())).unwrap().network;
        assert_eq!(network.nodes().len(), 2, "type {kind}");
    }
    let message = refused(&model(nodes(proto::INT64), Vec::new()));
    assert!(message.contains("to is 7"), "{message}");
}

/// Protobuf's encoding of a field that holds bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![tag << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut field);
    [&field, bytes].concat()
}

#[test]
fn files_that_would_fill_the_memory_are_refused_before_they_are_decoded() {
    let read = |graph: &[u8]| onnx_bytes("model.onnx".as_ref(), &field(7, graph), &ImportOptions::default()).unwrap_err();
    for (what, each) in [("nodes", field(1, &[])), ("tensors", field(5, &[])), ("values", field(13, &field(2, &[])))] {
        let message = read(&each.repeat(3 << 20)).to_string();
        assert!(message.contains("more than 2097152"), "{what}: {message}");
    }
    for (what, inside) in
        [("attributes", field(5, &[])), ("names", field(1, b"x")), ("tensors", field(5, &field(5, &field(13, &[]))))]
    {
        let message = read(&field(1, &inside.repeat(3 << 20))).to_string();
        assert!(message.contains("more than 2097152"), "{what}: {message}");
    }
    // A damaged field ends the count and the decoding.
    let message = read(&[field(1, &[0xff; 3]), field(1, &[]).repeat(3 << 20)].concat()).to_string();
    assert!(message.contains("is not a valid ONNX file"), "{message}");
}

#[test]
fn no_attribute_is_ignored() {
    let attribute =
        Attribute { name: Some("slope".into()), f: Some(0.5), r#type: Some(Attribute::FLOAT), ..Attribute::default() };
    let relu = Node { attribute: vec![attribute], ..node("Relu", &["x"], "y") };
    let message = refused(&model(vec![relu], Vec::new()));
    assert!(message.contains("attribute slope is not supported"), "{message}");
}

#[test]
fn files_whose_nodes_are_out_of_order_or_that_lack_one_are_refused() {
    let message = refused(&model(vec![node("Relu", &["a"], "y"), node("Relu", &["x"], "a")], Vec::new()));
    assert!(message.contains("computed by no node before it"), "{message}");
    let message = refused(&model(vec![node("Relu", &["x"], "z")], Vec::new()));
    assert!(message.contains("output 'y' is computed by no node"), "{message}");
    let twice = vec![node("Relu", &["x"], "y"), node("Sigmoid", &["x"], "y")];
    assert!(refused(&model(twice, Vec::new())).contains("another node computes 'y' too"));
}

#[test]
fn damaged_tensors_are_refused() {
    let add = || vec![node("Add", &["x", "w"], "y")];
    let short = floats("w", &[1, 2, 1, 1], &[1.0]);
    assert!(refused(&model(add(), vec![short])).contains("need 2 elements, but there are 1"));
    let negative = floats("w", &[-1], &[1.0]);
    assert!(refused(&model(add(), vec![negative])).contains("dimension -1 is negative"));
    let huge = floats("w", &[i64::MAX, i64::MAX], &[]);
    assert!(refused(&model(add(), vec![huge])).contains("more elements than 2^30"));
    let odd = Tensor { raw_data: Some(vec![0; 5]), ..floats("w", &[1], &[]) };
    assert!(refused(&model(add(), vec![odd])).contains("no multiple of 4"));
    let text = Tensor { data_type: Some(8), ..floats("w", &[1], &[1.0]) };
    assert!(refused(&model(add(), vec![text])).contains("data type is 8"));
    assert!(matches!(onnx_bytes("m.onnx".as_ref(), b"no protobuf", &ImportOptions::default()), Err(ImportError::Format { .. })));
}

#[test]
fn a_symbol_is_named_with_the_option_that_pins_it() {
    let mut model = model(vec![node("Relu", &["x"], "y")], Vec::new());
    model.graph.as_mut().unwrap().input = vec![info("x", &[0, 2, 0, 3])];
    let message = refused(&model);
    assert!(message.contains("dimension 2 of input 'x' is 'width'") && message.contains("--input-shape"), "{message}");
    let options = ImportOptions::default().with_input_shape("x=1,2,5,3").unwrap();
    let imported = onnx_bytes("m.onnx".as_ref(), &model.encode_to_vec(), &options).unwrap();
    assert_eq!(imported.network.input_shape(), Shape::new(2, 5, 3));
    assert!(ImportOptions::default().with_input_shape("x=1,a").is_err());
    let empty = ImportOptions { input_shapes: [("x".into(), vec![1, 2, 0, 3])].into(), ..ImportOptions::default() };
    let message = onnx_bytes("m.onnx".as_ref(), &model.encode_to_vec(), &empty).unwrap_err().to_string();
    assert!(message.contains("no elements at dimensions [1, 2, 0, 3]"), "{message}");
    let unknown = ImportOptions::default().with_input_shape("z=1,2,5,3").unwrap();
    assert!(matches!(onnx_bytes("m.onnx".as_ref(), &model.encode_to_vec(), &unknown), Err(ImportError::Option(_))));
}

#[test]
fn both_forms_of_clip_are_read() {
    let bound = |name: &str, value: f32| Attribute {
        name: Some(name.into()),
        f: Some(value),
        r#type: Some(Attribute::FLOAT),
        ..Attribute::default()
    };
    let old = Node { attribute: vec![bound("min", 0.0), bound("max", 6.0)], ..node("Clip", &["x"], "y") };
    let new = node("Clip", &["x", "low", "high"], "y");
    let bounds = vec![floats("low", &[], &[0.0]), floats("high", &[], &[6.0])];
    for model in [model(vec![old], Vec::new()), model(vec![new], bounds)] {
        let imported = read(&model).unwrap();
        assert_eq!(imported.network.nodes()[1].op, Op::Activation(Activation::Relu6));
    }
}

/// Writes a model whose weights lie in another file, and reads it.
fn outside(folder: &Path, location: &str, entries: &[(&str, &str)]) -> Result<Imported, ImportError> {
    let entry = |(key, value): (&str, &str)| Entry { key: Some(key.into()), value: Some(value.into()) };
    let external_data = std::iter::once(("location", location)).chain(entries.iter().copied()).map(entry).collect();
    let data_location = Some(Tensor::EXTERNAL);
    let tensor = Tensor { external_data, data_location, raw_data: None, ..floats("w", &[1, 2, 1, 1], &[]) };
    let path = folder.join("model.onnx");
    std::fs::write(&path, model(vec![node("Add", &["x", "w"], "y")], vec![tensor]).encode_to_vec()).unwrap();
    onnx(&path, &ImportOptions::default())
}

#[test]
fn external_weights_stay_in_the_models_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    let bytes: Vec<u8> = [9.0f32, 1.5, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(folder.join("w.data"), &bytes).unwrap();
    std::fs::write(home.path().join("secret"), &bytes).unwrap();
    let imported = outside(&folder, "w.data", &[("offset", "4"), ("length", "8")]).unwrap();
    assert_eq!(imported.weights.get("y.bias").unwrap().data(), [1.5, -2.0]);
    let says = |location: &str, entries: &[(&str, &str)], words: &str| {
        let message = outside(&folder, location, entries).map(|imported| imported.network).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    };
    says("../secret", &[], "inside the model's folder");
    says("/etc/passwd", &[], "inside the model's folder");
    says("", &[], "inside the model's folder");
    says("w.data", &[("offset", "8"), ("length", "8")], "too few for offset 8");
    says("w.data", &[("offset", "-1")], "its offset is '-1'");
    says("absent.data", &[], "is missing; put it beside the model");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(home.path().join("secret"), folder.join("link")).unwrap();
        says("link", &[], "leads out of the model's folder");
    }
}

/// Files of a few hundred bytes that ask for terabytes, or for years.
#[test]
fn small_files_ask_for_little() {
    let shape = integers("shape", &[1 << 20, 1 << 20]);
    let nodes = vec![node("ConstantOfShape", &["shape"], "c"), node("Add", &["x", "c"], "y")];
    assert!(refused(&model(nodes, vec![shape])).contains("too large"));
    let slice = || vec![node("Slice", &["x", "start", "end", "axis", "step"], "y")];
    let bounds = |step: i64| vec![("start", 0), ("end", i64::MAX), ("axis", 1), ("step", step)];
    let constants = |step| bounds(step).into_iter().map(|(name, value)| integers(name, &[value])).collect::<Vec<_>>();
    let mut wide = model(slice(), constants(2));
    wide.graph.as_mut().unwrap().input = vec![info("x", &[1, 1 << 20, 1, 1])];
    assert!(refused(&wide).contains("too large"));
    let strides = Attribute {
        name: Some("strides".into()),
        ints: vec![1 << 26, 1 << 26],
        r#type: Some(Attribute::INTS),
        ..Attribute::default()
    };
    let enlarge = Node { attribute: vec![strides], ..node("ConvTranspose", &["x", "w"], "y") };
    let weight = floats("w", &[2, 1, 1, 1], &[1.0, 1.0]);
    assert!(refused(&model(vec![enlarge], vec![weight])).contains("too large"));
    let nameless = vec![node("Relu", &["x"], ""), node("Relu", &["x"], "y")];
    assert_eq!(read(&model(nameless, Vec::new())).unwrap().network.nodes().len(), 2);
}

/// Version 6 says which dimension a constant meets. Rows and columns here are as many as channels, so that another would fit too.
#[test]
fn the_axis_of_a_constant_is_read() {
    let axis =
        |axis| Attribute { name: Some("axis".into()), i: Some(axis), r#type: Some(Attribute::INT), ..Attribute::default() };
    let add = |at| Node { attribute: vec![axis(at)], ..node("Add", &["x", "w"], "y") };
    let of = |at| {
        let mut model = model(vec![add(at)], vec![floats("w", &[3], &[1.0, 2.0, 3.0])]);
        model.graph.as_mut().unwrap().input = vec![info("x", &[1, 3, 3, 3])];
        read(&model)
    };
    assert_eq!(of(1).unwrap().weights.get("y.bias").unwrap().data(), [1.0, 2.0, 3.0]);
    let by_column = of(3).unwrap();
    let constant = by_column.weights.get("y.constant.value").unwrap();
    assert_eq!((constant.shape(), &constant.data()[..4]), (&[1, 3, 3][..], &[1.0, 2.0, 3.0, 1.0][..]));
}

/// What no operator can read as it lies is moved in front of it, and nothing else is.
#[test]
fn elements_are_moved_where_they_must_be() {
    let softmax = Node { attribute: vec![int("axis", 2)], ..node("Softmax", &["x"], "y") };
    let (turn, back) = (Op::Transpose([1, 0, 2]), Op::Transpose([1, 0, 2]));
    assert_eq!(ops(vec![softmax], Vec::new()), [turn, Op::Softmax { log: false }, back]);
    // A third of both channels is a part of none.
    let nodes = vec![node("Reshape", &["x", "shape"], "cut"), node("GlobalMaxPool", &["cut"], "y")];
    let crooked = vec![integers("shape", &[1, 3, 6, 1])];
    assert_eq!(ops(nodes, crooked)[0], Op::Reshape(Shape::new(3, 1, 6)));
    // Rows and columns that are added to are not moved.
    let nodes = vec![node("Add", &["x", "grid"], "y")];
    let grid = vec![floats("grid", &[3, 3], &[1.0; 9])];
    assert_eq!(ops(nodes, grid), [Op::Constant(Shape::new(1, 3, 3)), Op::Binary(crate::arithmetic::Arithmetic::Add)]);
}

#[test]
fn outputs_may_be_constant() {
    let mut boxes = model(vec![node("Relu", &["x"], "y")], vec![floats("boxes", &[3, 4], &[0.5; 12])]);
    boxes.graph.as_mut().unwrap().output.push(info("boxes", &[3, 4]));
    let imported = read(&boxes).unwrap();
    assert_eq!(imported.interface.outputs[1].dims(), [3, 4]);
    assert_eq!(imported.network.nodes()[2].op, Op::Constant(Shape::new(12, 1, 1)));
    boxes.graph.as_mut().unwrap().initializer[0] = integers("boxes", &[1, 2]);
    assert!(refused(&boxes).contains("output 'boxes' is constant: a constant holds integers"));
}

#[test]
fn several_inputs_follow_one_another() {
    let mut two = model(vec![node("Add", &["x", "z"], "y")], Vec::new());
    two.graph.as_mut().unwrap().input.push(info("z", &[1, 2, 3, 3]));
    let imported = read(&two).unwrap();
    assert_eq!(imported.network.input_shape(), Shape::new(4, 3, 3));
    let slices: Vec<Op> = imported.network.nodes()[1..3].iter().map(|node| node.op).collect();
    assert_eq!(slices, [Op::Slice { begin: 0, len: 2 }, Op::Slice { begin: 2, len: 2 }]);
    assert_eq!(imported.interface.inputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), ["x", "z"]);
    // Maps of different sizes lie behind each other too.
    two.graph.as_mut().unwrap().input[1] = info("z", &[1, 2, 1, 1]);
    let imported = read(&two).unwrap();
    assert_eq!(imported.network.input_shape(), Shape::new(20, 1, 1));
    assert_eq!(imported.network.nodes()[2].op, Op::Reshape(Shape::new(2, 3, 3)));
    two.graph.as_mut().unwrap().input[1] = info("z", &[3, 2, 1, 1]);
    assert!(refused(&two).contains("batches of [1, 3] images"));
    two.graph.as_mut().unwrap().input[1] = info("x", &[1, 2, 3, 3]);
    assert!(refused(&two).contains("two inputs 'x'"));
    two.graph.as_mut().unwrap().input.clear();
    assert!(refused(&two).contains("has no inputs"));
}

#[test]
fn constants_are_computed_before_anything_is_refused() {
    // A weight that is standardised by a batch norm in training mode, and clamped integers that say a shape.
    let training =
        Attribute { name: Some("training_mode".into()), i: Some(1), r#type: Some(Attribute::INT), ..Attribute::default() };
    let norm = Node { attribute: vec![training], ..node("BatchNormalization", &["w", "one", "zero", "zero", "one"], "s") };
    let nodes = vec![norm, node("Conv", &["x", "s"], "y")];
    let weights =
        vec![floats("w", &[1, 2, 1, 1], &[3.0, 5.0]), floats("one", &[2], &[1.0, 1.0]), floats("zero", &[2], &[0.0, 0.0])];
    let imported = read(&model(nodes, weights)).unwrap();
    // A channel of one element is its own mean.
    assert_eq!(imported.weights.get("y.weight").unwrap().data(), [0.0, 0.0]);
}

#[test]
fn a_part_of_shuffled_channels_is_read() {
    let perm =
        Attribute { name: Some("perm".into()), ints: vec![0, 2, 1, 3, 4], r#type: Some(Attribute::INTS), ..Attribute::default() };
    let nodes = vec![
        node("Reshape", &["x", "groups"], "g"),
        Node { attribute: vec![perm], ..node("Transpose", &["g"], "t") },
        node("Reshape", &["t", "whole"], "s"),
        node("Slice", &["s", "one", "two", "one"], "y"),
    ];
    let shapes = vec![
        integers("groups", &[1, 2, 2, 3, 3]),
        integers("whole", &[1, 4, 3, 3]),
        integers("one", &[1]),
        integers("two", &[3]),
    ];
    let mut shuffled = model(nodes, shapes);
    shuffled.graph.as_mut().unwrap().input[0] = info("x", &[1, 4, 3, 3]);
    let network = read(&shuffled).unwrap().network;
    assert!(network.nodes().iter().any(|node| node.op == Op::ChannelShuffle { groups: 2 }));
    assert!(network.nodes().iter().any(|node| node.op == Op::Slice { begin: 1, len: 2 }));
}

#[test]
fn padding_with_minus_infinity_belongs_to_a_max_pool() {
    let pads = || vec![integers("pads", &[0, 0, 0, 1, 0, 0, 1, 0]), floats("low", &[], &[f32::NEG_INFINITY])];
    let kernel =
        Attribute { name: Some("kernel_shape".into()), ints: vec![2, 2], r#type: Some(Attribute::INTS), ..Attribute::default() };
    let pool = Node { attribute: vec![kernel], ..node("MaxPool", &["p"], "y") };
    let pad = || node("Pad", &["x", "pads", "low"], "p");
    let network = read(&model(vec![pad(), pool], pads())).unwrap().network;
    let windows: Vec<_> =
        network.nodes().iter().filter_map(|node| if let Op::MaxPool(window) = node.op { Some(window) } else { None }).collect();
    let [window] = windows[..] else { panic!("{windows:?}") };
    assert_eq!((window.padding.0.before, window.padding.0.after), (0, 1));
    assert_eq!((window.padding.1.before, window.padding.1.after), (1, 0));
    let message = refused(&model(vec![pad(), node("Relu", &["p"], "y")], pads()));
    assert!(message.contains("only a max pool can"), "{message}");
    let message = refused(&model(vec![node("Pad", &["x", "pads", "low"], "y")], pads()));
    assert!(message.contains("only a max pool can"), "{message}");
}

#[test]
fn a_max_pool_of_many_taps_is_computed_along_each_axis() {
    let ints = |name: &str, values: &[i64]| Attribute {
        name: Some(name.into()),
        ints: values.to_vec(),
        r#type: Some(Attribute::INTS),
        ..Attribute::default()
    };
    let attribute = vec![ints("kernel_shape", &[9, 8]), ints("pads", &[1, 2, 3, 4]), ints("strides", &[2, 3])];
    let mut model = model(vec![Node { attribute, ..node("MaxPool", &["x"], "y") }], Vec::new());
    model.graph.as_mut().unwrap().input = vec![info("x", &[1, 2, 20, 30])];
    let network = read(&model).unwrap().network;
    let window =
        |node: &crate::graph::Node| if let Op::MaxPool(window) = node.op { Some((window.kernel, node.shape)) } else { None };
    let pools: Vec<_> = network.nodes().iter().filter_map(window).collect();
    assert_eq!(pools, [((1, 8), Shape::new(2, 20, 10)), ((9, 1), Shape::new(2, 8, 10))]);
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: Some(name.into()), i: Some(value), r#type: Some(Attribute::INT), ..Attribute::default() }
}

/// The operators of a network that these nodes and constants become.
fn ops(nodes: Vec<Node>, initializer: Vec<Tensor>) -> Vec<Op> {
    let network = read(&model(nodes, initializer)).unwrap().network;
    network.nodes()[1..].iter().map(|node| node.op).collect()
}

#[test]
fn versions_are_read_as_far_as_they_are_known() {
    let of = |version| {
        let mut model = model(vec![node("Relu", &["x"], "y")], Vec::new());
        model.opset_import[0].version = Some(version);
        model
    };
    assert!(read(&of(6)).is_ok() && read(&of(28)).is_ok());
    assert!(refused(&of(29)).contains("it uses version 29 of ONNX's operators, and 6 to 28 are read"));
}

#[test]
fn powers_are_products_or_functions() {
    let of = |exponent: f32| ops(vec![node("Pow", &["x", "p"], "y")], vec![floats("p", &[], &[exponent])]);
    let act = Op::Activation;
    let mul = Op::Binary(crate::arithmetic::Arithmetic::Mul);
    assert_eq!(of(4.0), [act(Activation::Square), act(Activation::Square)]);
    assert_eq!(of(6.0), [act(Activation::Square), act(Activation::Cube)]);
    assert_eq!(of(5.0), [act(Activation::Square), act(Activation::Square), mul]);
    assert_eq!(of(-3.0), [act(Activation::Cube), act(Activation::Reciprocal)]);
    assert_eq!(of(0.0), [Op::Constant(Shape::new(2, 3, 3))]);
    assert_eq!(of(2.7), [act(Activation::Power(Parameter::new(2.7)))]);
    for exponent in [17.0, -17.0, 0.001, 64.5, f32::NAN, f32::INFINITY] {
        let message = refused(&model(vec![node("Pow", &["x", "p"], "y")], vec![floats("p", &[], &[exponent])]));
        assert!(message.contains(&format!("its exponent is {exponent}")), "{message}");
    }
}

#[test]
fn choices_by_comparisons_are_functions() {
    let of = |compare: &str, limit: f32, on: &str, off: &str| {
        let nodes = vec![
            node("Mul", &["x", "tenth"], "scaled"),
            node(compare, &["x", "limit"], "c"),
            node("Where", &["c", on, off], "y"),
        ];
        let constants = vec![
            floats("tenth", &[1], &[0.1]),
            floats("limit", &[], &[limit]),
            floats("zero", &[1], &[0.0]),
            floats("two", &[1, 1, 1, 1], &[2.0]),
        ];
        model(nodes, constants)
    };
    let function = |model: &Model| {
        let network = read(model).unwrap().network;
        let Op::Activation(function) = network.node(network.outputs()[0]).op else { panic!("no function") };
        function
    };
    let parameter = Parameter::new;
    assert_eq!(function(&of("Greater", 0.0, "x", "scaled")), Activation::LeakyRelu(parameter(0.1)));
    assert_eq!(function(&of("Less", 0.0, "scaled", "x")), Activation::LeakyRelu(parameter(0.1)));
    assert_eq!(function(&of("GreaterOrEqual", 0.0, "x", "zero")), Activation::Relu);
    assert_eq!(function(&of("GreaterOrEqual", 2.0, "two", "x")), Activation::Clip(parameter(f32::NEG_INFINITY), parameter(2.0)));
    assert_eq!(function(&of("Greater", 2.0, "x", "zero")), Activation::Threshold(parameter(2.0)));
    assert_eq!(function(&of("GreaterOrEqual", 2.0, "x", "zero")), Activation::Threshold(parameter(2.0_f32.next_down())));
    let mut infinite = of("Greater", 1.0, "x", "infinite");
    infinite.graph.as_mut().unwrap().initializer.push(floats("infinite", &[1, 2, 1, 1], &[0.0, f32::INFINITY]));
    let message = refused(&infinite);
    assert!(message.contains("not finite everywhere"), "{message}");
    let message = refused(&model(vec![node("Greater", &["x", "zero"], "y")], vec![floats("zero", &[], &[0.0])]));
    assert!(message.contains("output 'y' is a comparison"), "{message}");
}

#[test]
fn choices_by_constants_are_parts() {
    let chosen = |dims: &[i64], values: &[u8]| {
        let mask = Tensor {
            dims: dims.to_vec(),
            data_type: Some(proto::BOOL),
            name: Some("mask".into()),
            raw_data: Some(values.to_vec()),
            ..Tensor::default()
        };
        model(vec![node("Relu", &["x"], "r"), node("Where", &["mask", "x", "r"], "y")], vec![mask])
    };
    let network = read(&chosen(&[1, 2, 1, 1], &[1, 0])).unwrap().network;
    assert!(matches!(network.node(network.outputs()[0]).op, Op::Concat));
    let network = read(&chosen(&[1], &[1])).unwrap().network;
    assert_eq!(network.outputs(), [crate::graph::NodeId(0)]);
    let network = read(&chosen(&[3, 3], &[1, 0, 0, 0, 1, 0, 0, 0, 1])).unwrap().network;
    assert!(matches!(network.node(network.outputs()[0]).op, Op::Add));
}

/// The operations on two maps of a network, in order.
fn arithmetic(model: &Model) -> Vec<Arithmetic> {
    let network = read(model).unwrap().network;
    let of = |op: &Op| if let Op::Binary(op) = op { Some(*op) } else { None };
    network.nodes().iter().filter_map(|node| of(&node.op)).collect()
}

#[test]
fn what_is_chosen_is_kept() {
    use Arithmetic::{AtLeast, AtMost, Greater, Keep, Less, Mul};
    let relu = || node("Relu", &["x"], "r");
    let zero = || vec![floats("zero", &[], &[0.0])];
    let compared =
        |operator: &str| model(vec![relu(), node(operator, &["x", "r"], "c"), node("Where", &["c", "x", "zero"], "y")], zero());
    for (operator, op) in [("Greater", Greater), ("Less", Less), ("GreaterOrEqual", AtLeast), ("LessOrEqual", AtMost)] {
        assert_eq!(arithmetic(&compared(operator)), [op, Keep], "{operator}");
    }
    assert_eq!(arithmetic(&compared("Equal")), [AtLeast, AtMost, Mul, Keep]);
    // What is above zero needs no mask, and what is at least zero is not above a denormal number, which would become zero.
    let with_zero = |operator: &str| {
        model(vec![relu(), node(operator, &["r", "zero"], "c"), node("Where", &["c", "x", "zero"], "y")], zero())
    };
    assert_eq!(arithmetic(&with_zero("Greater")), [Keep]);
    assert_eq!(arithmetic(&with_zero("GreaterOrEqual")), [AtLeast, Keep]);
    assert_eq!(arithmetic(&with_zero("Less")), [Less, Keep]);
    let message = refused(&model(vec![node("Not", &["x"], "c"), node("Where", &["c", "x", "zero"], "y")], zero()));
    assert!(message.contains("no comparison"), "{message}");
}

#[test]
fn weights_of_small_integers_become_floats() {
    let bytes = |values: &[i8]| Tensor {
        dims: vec![1, 2, 1, 1],
        data_type: Some(proto::INT8),
        name: Some("q".into()),
        raw_data: Some(values.iter().map(|&x| x as u8).collect()),
        ..Tensor::default()
    };
    let of = |scale: Tensor, zero: Vec<Tensor>, attribute: Vec<Attribute>| {
        let inputs: Vec<&str> = ["q", "s", "z"].into_iter().take(2 + zero.len()).collect();
        let nodes = vec![Node { attribute, ..node("DequantizeLinear", &inputs, "w") }, node("Add", &["x", "w"], "y")];
        model(nodes, [vec![bytes(&[-128, 127]), scale], zero].concat())
    };
    let shift = |model: &Model| read(model).unwrap().weights.get("y.bias").unwrap().data().to_vec();
    assert_eq!(shift(&of(floats("s", &[], &[0.5]), Vec::new(), Vec::new())), [-64.0, 63.5]);
    assert_eq!(shift(&of(floats("s", &[2], &[0.5, 2.0]), vec![integers("z", &[-128, 7])], Vec::new())), [0.0, 240.0]);
    let message = refused(&of(floats("s", &[2], &[0.5, 2.0]), Vec::new(), vec![int("axis", 0)]));
    assert!(message.contains("for an axis of length 1"), "{message}");
    let message = refused(&of(floats("s", &[2], &[0.5, 2.0]), Vec::new(), vec![int("block_size", 1)]));
    assert!(message.contains("block_size is 1"), "{message}");
}

#[test]
fn weights_that_are_quantised_and_back_are_floats() {
    let zero = |data_type: i32, value: i32| Tensor {
        data_type: Some(data_type),
        name: Some("z".into()),
        int32_data: vec![value],
        ..Tensor::default()
    };
    let of = |values: &[f32], scale: Tensor, zero: Option<Tensor>, attribute: Vec<Attribute>| {
        let inputs: Vec<&str> = ["w", "s", "z"].into_iter().take(2 + usize::from(zero.is_some())).collect();
        let back: Vec<&str> = std::iter::once("q").chain(inputs[1..].iter().copied()).collect();
        let nodes = vec![
            Node { attribute: attribute.clone(), ..node("QuantizeLinear", &inputs, "q") },
            Node { attribute, ..node("DequantizeLinear", &back, "d") },
            node("Add", &["x", "d"], "y"),
        ];
        let weights = floats("w", &[1, 2, 1, values.len() as i64 / 2], values);
        let mut model = model(nodes, [vec![weights, scale], zero.into_iter().collect()].concat());
        model.graph.as_mut().unwrap().input = vec![info("x", &[1, 2, 1, values.len() as i64 / 2])];
        model
    };
    let found = |model: &Model| {
        let weights = read(model).unwrap().weights;
        let name = ["y.bias", "y.constant.value"].into_iter().find(|name| weights.get(name).is_some()).unwrap();
        weights.get(name).unwrap().data().to_vec()
    };
    let half = || floats("s", &[], &[0.5]);
    // Halves go to the even one, and what is too large becomes the largest.
    let values = [0.25, 0.75, -0.25, -0.75, 1e9, f32::NEG_INFINITY];
    let int8 = || Some(zero(proto::INT8, 0));
    assert_eq!(found(&of(&values, half(), int8(), Vec::new())), [0.0, 1.0, 0.0, -1.0, 63.5, -64.0]);
    assert_eq!(found(&of(&values, half(), Some(zero(proto::UINT8, 1)), Vec::new())), [0.0, 1.0, 0.0, -0.5, 127.0, -0.5]);
    assert_eq!(found(&of(&values, half(), None, Vec::new())), [0.0, 1.0, 0.0, 0.0, 127.5, 0.0]);
    let by_axis = floats("s", &[3], &[0.5, 1.0, 2.0]);
    let zeros = Tensor { dims: vec![3], int32_data: vec![0, 0, 0], ..zero(proto::INT8, 0) };
    let found_by_axis = found(&of(&[1.0, 1.5, 3.0, 0.2, 2.5, -3.0], by_axis, Some(zeros), vec![int("axis", 3)]));
    assert_eq!(found_by_axis, [1.0, 2.0, 4.0, 0.0, 2.0, -4.0]);
    for (model, words) in [
        (of(&[1.0, 2.0], half(), Some(zero(proto::INT32, 0)), Vec::new()), "elements of type 6"),
        (of(&[1.0, 2.0], half(), int8(), vec![int("block_size", 1)]), "block_size is 1"),
        (of(&[1.0, f32::NAN], half(), int8(), Vec::new()), "element 1 of its input is NaN"),
        (of(&[1.0, 2.0], floats("s", &[], &[0.0]), int8(), Vec::new()), "its scale is 0"),
    ] {
        let message = refused(&model);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn sums_up_to_each_element_are_computed() {
    let of = |attribute: Vec<Attribute>| {
        let sums = Node { attribute, ..node("CumSum", &["w", "axis"], "s") };
        let constants = vec![floats("w", &[1, 2, 1, 1], &[3.0, 4.0]), integers("axis", &[1])];
        let imported = read(&model(vec![sums, node("Add", &["x", "s"], "y")], constants)).unwrap();
        imported.weights.get("y.bias").unwrap().data().to_vec()
    };
    assert_eq!(of(Vec::new()), [3.0, 7.0]);
    assert_eq!(of(vec![int("exclusive", 1)]), [0.0, 3.0]);
    assert_eq!(of(vec![int("reverse", 1)]), [7.0, 4.0]);
    assert_eq!(of(vec![int("reverse", 1), int("exclusive", 1)]), [4.0, 0.0]);
}

#[test]
fn remainders_have_the_sign_that_fmod_says() {
    let of = |fmod: i64| {
        let rest = Node { attribute: vec![int("fmod", fmod)], ..node("Mod", &["a", "b"], "m") };
        let constants = vec![floats("a", &[1, 2, 1, 1], &[-4.5, 5.0]), floats("b", &[1, 2, 1, 1], &[2.0, -3.0])];
        let imported = read(&model(vec![rest, node("Add", &["x", "m"], "y")], constants)).unwrap();
        imported.weights.get("y.bias").unwrap().data().to_vec()
    };
    assert_eq!(of(0), [1.5, -1.0]);
    assert_eq!(of(1), [-0.5, 2.0]);
}

#[test]
fn products_by_letters_say_what_they_cannot_be() {
    let of = |equation: &str, dims: &[i64]| {
        let text = Attribute {
            name: Some("equation".into()),
            s: Some(equation.as_bytes().to_vec()),
            r#type: Some(Attribute::STRING),
            ..Attribute::default()
        };
        let len = dims.iter().product::<i64>() as usize;
        let product = Node { attribute: vec![text], ..node("Einsum", &["x", "w"], "y") };
        model(vec![product], vec![floats("w", dims, &vec![1.0; len])])
    };
    assert!(read(&of("bchw,dc->bdhw", &[4, 2])).is_ok());
    for (equation, dims, words) in [
        ("bchw,dc->bchw", &[4, 2][..], "only products are supported that sum over all dimensions"),
        ("bchw,dc->bdhw", &[4, 3], "c is 2 and 3"),
        ("bchw,dc", &[4, 2], "behind an arrow"),
        ("...chw,dc->...dhw", &[4, 2], "different letters"),
        ("bcc,dc->bdc", &[4, 2], "different letters"),
        ("bchw->bchw", &[4, 2], "for 2 inputs"),
        ("bch,dc->bdh", &[4, 2], "inputs have dimensions"),
        ("bchw,dc->bdhz", &[4, 2], "only products"),
    ] {
        let message = refused(&of(equation, dims));
        assert!(message.contains(words), "{equation}: {message}");
    }
}

fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: Some(name.into()), r#type: Some(Attribute::INTS), ints: values.to_vec(), ..Attribute::default() }
}

/// The output of a node whose inputs are all constants.
fn folded(node: Node, constants: Vec<Tensor>) -> Vec<f32> {
    let mut model = model(vec![Node { output: vec!["folded".into()], ..node }, self::node("Relu", &["x"], "y")], constants);
    model.graph.as_mut().unwrap().output.push(info("folded", &[]));
    read(&model).unwrap().weights.get("folded.value").unwrap().data().to_vec()
}

#[test]
fn convolutions_of_constants_are_computed() {
    let counted: Vec<f32> = (0..9).map(|i| i as f32).collect();
    // PyTorch: a = arange(9).view(1, 1, 3, 3); conv2d(cat((a, -a), 1), cat((a, a), 0), tensor([1, 2]), padding=1, groups=2)
    let window = [59., 101., 71., 133., 205., 133., 71., 101., 59.];
    let twice = |sign: f32| -> Vec<f32> { counted.iter().copied().chain(counted.iter().map(|x| sign * x)).collect() };
    let constants =
        vec![floats("a", &[1, 2, 3, 3], &twice(-1.0)), floats("w", &[2, 1, 3, 3], &twice(1.0)), floats("b", &[2], &[1.0, 2.0])];
    let attribute = vec![ints("pads", &[1; 4]), int("group", 2)];
    let conv = Node { attribute, ..node("Conv", &["a", "w", "b"], "") };
    let expected: Vec<f32> = window.iter().copied().chain(window.iter().map(|x| 3.0 - x)).collect();
    assert_eq!(folded(conv, constants.clone()), expected);

    // Taps two apart reach the corners of both channels.
    let constants = vec![floats("a", &[1, 2, 3, 3], &twice(1.0)), floats("w", &[1, 2, 2, 2], &[1., 2., 3., 4., 1., 2., 3., 4.])];
    let attribute = vec![ints("dilations", &[2, 2]), ints("strides", &[2, 2])];
    let conv = Node { attribute, ..node("Conv", &["a", "w"], "") };
    assert_eq!(folded(conv, constants), [2.0 * (2.0 * 2.0 + 3.0 * 6.0 + 4.0 * 8.0)]);

    let wrong = Node { attribute: vec![int("group", 3)], ..node("Conv", &["a", "w"], "folded") };
    let constants = vec![floats("a", &[1, 2, 3, 3], &twice(1.0)), floats("w", &[2, 1, 1, 1], &[1.0; 2])];
    let message = refused(&model(vec![wrong, node("Add", &["x", "folded"], "y")], constants));
    assert!(message.contains("group is 3"), "{message}");
}

#[test]
fn products_of_constants_are_counted() {
    // Each node alone would be allowed: half of all products that a file may ask for, and a few more.
    let side = 511;
    let matrix = floats("m", &[side, side], &vec![0.0; (side * side) as usize]);
    let mut nodes: Vec<Node> = (0..3).map(|i| node("MatMul", &["m", "m"], &format!("p{i}"))).collect();
    nodes.push(node("Relu", &["x"], "y"));
    let message = refused(&model(nodes, vec![matrix]));
    assert!(message.contains("elements of constants are computed"), "{message}");
}

#[test]
fn products_of_matrices_of_constants_are_computed() {
    let constants =
        vec![floats("a", &[3, 2], &[1., 2., 3., 4., 5., 6.]), floats("b", &[1, 2], &[10., 20.]), floats("c", &[1], &[8.0])];
    let float = |name: &str, value: f32| Attribute {
        name: Some(name.into()),
        r#type: Some(Attribute::FLOAT),
        f: Some(value),
        ..Attribute::default()
    };
    let attribute = vec![int("transB", 1), float("alpha", 0.5), float("beta", 0.25)];
    let gemm = Node { attribute, ..node("Gemm", &["a", "b", "c"], "") };
    assert_eq!(folded(gemm, constants), [27.0, 57.0, 87.0]);
    // Three matrices of one row by one matrix.
    let batches = vec![floats("a", &[3, 1, 2], &[1., 2., 3., 4., 5., 6.]), floats("b", &[2, 1], &[10., 20.])];
    assert_eq!(folded(node("MatMul", &["a", "b"], ""), batches), [50.0, 110.0, 170.0]);
}

#[test]
fn softmax_and_padding_of_constants_are_computed() {
    let of = |operator: &str, values: [f32; 2]| {
        let softmax = Node { attribute: vec![int("axis", 1)], ..node(operator, &["w"], "") };
        folded(softmax, vec![floats("w", &[1, 2, 1, 1], &values)])
    };
    assert_eq!(of("Softmax", [0.0, 3.0_f32.ln()]), [0.25, 0.75]);
    assert_eq!(of("LogSoftmax", [7.0; 2]), [-std::f32::consts::LN_2; 2]);
    let constants =
        vec![floats("w", &[1, 1, 1, 2], &[5., 6.]), integers("pads", &[0, 1, 2, 0, 0, 0, 0, 1]), floats("v", &[], &[9.])];
    let expected: Vec<f32> = [[9.; 9], [9., 9., 9., 9., 9., 9., 5., 6., 9.]].concat();
    assert_eq!(folded(node("Pad", &["w", "pads", "v"], ""), constants), expected);
}

#[test]
fn what_is_constant_and_not_computed_here_is_left_to_the_network() {
    let pool = Node { attribute: vec![ints("kernel_shape", &[2, 2])], ..node("MaxPool", &["w"], "p") };
    let nodes = vec![pool, node("Add", &["x", "p"], "y")];
    let operators = ops(nodes, vec![floats("w", &[1, 2, 4, 4], &[1.0; 32])]);
    assert!(matches!(operators[..], [Op::Constant(_), Op::MaxPool(_), Op::Binary(_) | Op::Add]), "{operators:?}");
}

/// What a failed attempt added is taken away, and does not take names.
#[test]
fn tensors_that_lie_in_another_order_are_copied_where_they_must_be() {
    let nodes =
        vec![node("Reshape", &["x", "shape"], "r"), Node { attribute: vec![int("axis", 2)], ..node("Concat", &["r", "r"], "y") }];
    let imported = read(&model(nodes, vec![integers("shape", &[1, 3, 2, 3])])).unwrap();
    let last = imported.network.node(imported.network.outputs()[0]);
    assert_eq!(imported.interface.outputs[0].dims(), [1, 3, 4, 3], "{last:?}");
    let names = imported.network.nodes().iter().map(|node| node.name.as_str()).collect::<Vec<_>>();
    assert!(names.contains(&"y") || names.contains(&"y.copied.moved"), "{names:?}");
}

#[test]
fn matrices_may_stand_on_the_left_and_vectors_on_the_right() {
    let left = read(&model(vec![node("MatMul", &["w", "x"], "y")], vec![floats("w", &[5, 3], &[1.0; 15])])).unwrap();
    assert_eq!(left.interface.outputs[0].dims(), [1, 2, 5, 3]);
    let right = read(&model(vec![node("MatMul", &["x", "w"], "y")], vec![floats("w", &[3], &[1.0; 3])])).unwrap();
    assert_eq!(right.interface.outputs[0].dims(), [1, 2, 3]);
}

#[test]
fn a_transposed_convolution_may_leave_out_inputs() {
    for pads in [[1, 1, 1, 1], [2, 0, 0, 0], [0, 3, 0, 3]] {
        let attribute = vec![ints("strides", &[3, 3]), ints("pads", &pads)];
        let conv = Node { attribute, ..node("ConvTranspose", &["x", "w"], "y") };
        let weight = floats("w", &[2, 1, 1, 1], &[1.0; 2]);
        let imported = read(&model(vec![conv], vec![weight])).unwrap();
        let dims = imported.interface.outputs[0].dims().to_vec();
        let axis = |i: usize| 7 - (pads[i] + pads[i + 2]) as usize;
        assert_eq!(dims, [1, 1, axis(0), axis(1)], "{pads:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_pipe_in_place_of_weights_is_refused_and_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(home.path().join("w.data")).status();
    assert!(made.unwrap().success());
    let message = outside(home.path(), "w.data", &[]).map(|imported| imported.network).unwrap_err().to_string();
    assert!(message.contains("not a regular file"), "{message}");
}

/// `If`, whose branches give the input times two or three.
fn condition(holds: &str) -> Node {
    let branch = |name: &str, factor: f32| {
        let graph = Graph {
            node: vec![node("Mul", &["x", "factor"], "inside"), node("Identity", &["inside"], "result")],
            initializer: vec![floats("factor", &[], &[factor])],
            output: vec![info("result", &[])],
            ..Graph::default()
        };
        Attribute { name: Some(name.into()), r#type: Some(Attribute::GRAPH), g: Some(Box::new(graph)), ..Attribute::default() }
    };
    Node { attribute: vec![branch("then_branch", 2.0), branch("else_branch", 3.0)], ..node("If", &[holds], "") }
}

/// As PyTorch writes a squeeze of a dimension whose length it does not know.
#[test]
fn conditions_that_follow_from_shapes_are_decided() {
    let gather = node("Gather", &["dims", "two"], "rows");
    let mut nodes =
        vec![node("Shape", &["x"], "dims"), gather, node("Equal", &["rows", "three"], "is"), node("Not", &["is"], "not")];
    // The names inside are the same, and hold inside only.
    for (holds, output) in [("is", "a"), ("not", "b")] {
        nodes.push(Node { output: vec![output.into()], ..condition(holds) });
    }
    nodes.push(node("Sub", &["a", "b"], "y"));
    let imported = read(&model(nodes, vec![integers("two", &[2]), integers("three", &[3])])).unwrap();
    let factor = |name: &str| imported.weights.get(name).unwrap().data()[0];
    assert_eq!([factor("inside.weight"), factor("inside.1.weight")], [2.0, 3.0]);
}

#[test]
fn conditions_that_are_computed_or_damaged_are_refused() {
    let zero = floats("zero", &[], &[0.0]);
    let computed =
        |output: &str| vec![node("Less", &["x", "zero"], "is"), Node { output: vec![output.into()], ..condition("is") }];
    let message = refused(&model(computed("y"), vec![zero.clone()]));
    assert!(message.contains("must follow from weights and shapes"), "{message}");
    let known = Node { output: vec!["y".into()], ..condition("zero") };
    let without = Node { attribute: Vec::new(), ..known.clone() };
    let message = refused(&model(vec![without], vec![zero.clone()]));
    assert!(message.contains("else_branch is missing"), "{message}");
    let message = refused(&model(vec![node("Relu", &["x"], "inside"), known], vec![zero]));
    assert!(message.contains("inside is computed outside of it too"), "{message}");
}

/// Graphs within graphs, far deeper than any stack.
#[test]
fn graphs_that_lie_too_deep_are_errors() {
    // From the end: a length and a field's tag go before what lies inside.
    let mut bytes: Vec<u8> = Vec::new();
    for tag in [6, 5, 1].into_iter().cycle().take(300_000).chain([7]) {
        let mut varint = Vec::new();
        prost::encoding::encode_varint(bytes.len() as u64, &mut varint);
        bytes.extend(varint.iter().rev());
        bytes.push(tag << 3 | 2);
    }
    bytes.reverse();
    let error =
        onnx_bytes("model.onnx".as_ref(), &bytes, &ImportOptions::default()).map(|imported| imported.network).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

#[test]
fn sparse_constants_and_inputs_of_integers_are_named() {
    let mut sparse = model(vec![node("Mul", &["x", "w"], "y")], Vec::new());
    let graph = sparse.graph.as_mut().unwrap();
    graph.sparse_initializer = vec![proto::SparseTensor { values: Some(floats("w", &[1], &[2.0])) }];
    let message = refused(&sparse);
    assert!(message.contains("tensor 'w' is sparse"), "{message}");
    // In a branch too.
    let mut inside = Node { output: vec!["y".into()], ..condition("x") };
    inside.attribute[0].g.as_mut().unwrap().sparse_initializer =
        std::mem::take(&mut sparse.graph.as_mut().unwrap().sparse_initializer);
    let message = refused(&model(vec![inside], Vec::new()));
    assert!(message.contains("tensor 'w' is sparse"), "{message}");
    let mut integer = model(vec![node("Relu", &["x"], "y")], Vec::new());
    let input = &mut integer.graph.as_mut().unwrap().input[0];
    input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = Some(proto::INT64);
    let message = refused(&integer);
    assert!(message.contains("input 'x' has elements of type 7") && !message.contains("valid"), "{message}");
}

#[test]
fn open_dimensions_are_asked_for_beside_those_that_are_known() {
    for (dims, shape) in [(&[0, 0][..], "x=1,LENGTH"), (&[0, 3, 48, 0], "x=1,3,48,LENGTH"), (&[0, 0, 0, 3], "x=1,HEIGHT,WIDTH,3")]
    {
        let mut model = model(vec![node("Relu", &["x"], "y")], Vec::new());
        model.graph.as_mut().unwrap().input = vec![info("x", dims)];
        let message = refused(&model);
        assert!(message.contains(&format!("--input-shape '{shape}'")), "{message}");
    }
}

/// A line of sound as long as seconds of it are: the mirrored ends alone are small matrices.
#[test]
fn long_lines_are_mirrored_at_their_ends() {
    let pads = integers("pads", &[0, 0, 3, 0, 0, 2]);
    let mode = Attribute {
        name: Some("mode".into()),
        r#type: Some(Attribute::STRING),
        s: Some(b"reflect".to_vec()),
        ..Attribute::default()
    };
    let mut model = model(vec![Node { attribute: vec![mode], ..node("Pad", &["x", "pads"], "y") }], vec![pads]);
    for dims in [[1, 1, 44_100], [1, 44_100, 1]] {
        model.graph.as_mut().unwrap().input = vec![info("x", &dims)];
        if dims[1] > 1 {
            model.graph.as_mut().unwrap().initializer = vec![integers("pads", &[0, 3, 0, 0, 2, 0])];
        }
        let imported = read(&model).unwrap();
        assert_eq!(imported.interface.outputs[0].dims().iter().product::<usize>(), 44_105);
        let parameters: usize = imported.weights.iter().map(|(_, tensor)| tensor.data().len()).sum();
        assert!(parameters < 100, "{parameters}");
    }
}
