//! An exported file computes what its network computes.

mod evaluate;

use evaluate::evaluate;
use prost::Message;
use sartor::data::export::write_onnx;
use sartor::judge::engines::ReferenceEngine;
use sartor::measure::bench::test_input;
use sartor::models::export::{ExportError, OPSET, onnx};
use sartor::models::proto;
use sartor::models::zoo::{self, Spec};
use sartor::models::{
    Activation, Arithmetic, Builder, Conv2d, DepthOrder, NodeId, Op, Padding, Parameter, Rearrange, Reduction, Shape, Tensor,
    Window,
};
use sartor::{Network, Weights};

const CONV: Conv2d = Conv2d {
    oc: 6,
    groups: 2,
    bias: true,
    window: Window::new((3, 3), (2, 1), (Padding::both(1), Padding { before: 0, after: 2 })),
};

/// Checks that the file's outputs are those of the reference.
fn agrees(network: &Network, batch: usize) {
    let weights = Weights::random(network, 1);
    let model = proto::Model::decode(&onnx(network, &weights, batch).unwrap()[..]).unwrap();
    assert_eq!((model.ir_version(), model.opset_import[0].version()), (8, OPSET));
    let graph = model.graph.expect("a graph");
    let Shape { c, h, w } = network.input_shape();
    let input = test_input(batch * c * h * w);
    let exact = input.iter().map(|&x| x.into()).collect();
    let found = evaluate(&graph, (vec![batch, c, h, w], exact));
    let expected = ReferenceEngine::new(network, &weights).unwrap().run(&input, batch).unwrap();
    assert_eq!(found.len(), expected.len());
    for (index, ((dims, found), expected)) in found.iter().zip(&expected).enumerate() {
        let node = network.node(network.outputs()[index]);
        let Shape { c, h, w } = node.shape;
        let as_the_program_has_it = if (h, w) == (1, 1) { vec![batch, c] } else { vec![batch, c, h, w] };
        assert_eq!(*dims, as_the_program_has_it, "{}, output {index}", network.name);
        let first = network.outputs().iter().position(|id| *id == network.outputs()[index]) == Some(index);
        if first && network.outputs()[index] != NodeId(0) {
            assert_eq!(graph.output[index].name(), node.name, "{}", network.name);
        }
        let largest = expected.iter().fold(1e-3f32, |m, x| m.max(x.abs()));
        assert_eq!(found.len(), expected.len(), "{}, output {index} of {dims:?}", network.name);
        for (i, (x, y)) in found.iter().zip(expected).enumerate() {
            let error = (x - f64::from(*y)).abs();
            // The reference rounds to f32 after each node; the evaluator does not.
            assert!(error <= 1e-5 * f64::from(largest), "{}, output {index}, value {i}: {x} and {y}", network.name);
        }
    }
}

fn network(name: &str, body: impl FnOnce(&mut Builder) -> Vec<NodeId>) -> Network {
    let mut net = Builder::new(name, Shape::new(4, 7, 5)).unwrap();
    let outputs = body(&mut net);
    net.finish(&outputs).unwrap()
}

#[test]
fn every_family_of_the_zoo() {
    for name in zoo::defaults() {
        let spec = name.parse::<Spec>().unwrap().with_resolution(32, 32);
        agrees(&spec.build().unwrap(), 1);
    }
    agrees(&"efficientnet_b0_tf@32x45".parse::<Spec>().unwrap().build().unwrap(), 1);
    agrees(&"shufflenet_v1_g3_x0.5@64x32".parse::<Spec>().unwrap().build().unwrap(), 2);
}

#[test]
fn every_operator() {
    agrees(
        &network("operators", |net| {
            let halve = Window::new((3, 2), (2, 2), (Padding { before: 0, after: 1 }, Padding::both(1)));
            let input = net.input();
            let conv = net.add("conv", Op::Conv2d(CONV), &[input]).unwrap();
            let norm = net.add("norm", Op::BatchNorm { eps: 1e-3 }, &[conv]).unwrap();
            let mut act = |act: Activation| {
                let guard = |guard| net.add(format!("guard of {act:?}"), Op::Activation(guard), &[norm]).unwrap();
                let from = act.guard().map_or(norm, guard);
                net.add(format!("{act:?}"), Op::Activation(act), &[from]).unwrap()
            };
            let more = [(-2.0, 0.0), (1.0, 0.5)].map(|(a, b)| Activation::Affine(Parameter::new(a), Parameter::new(b)));
            let acts: Vec<NodeId> = Activation::every().chain(more).map(&mut act).collect();
            let cat = net.add("cat", Op::Concat, &acts).unwrap();
            let shuffle = net.add("shuffle", Op::ChannelShuffle { groups: 6 }, &[cat]).unwrap();
            let slice = net.add("slice", Op::Slice { begin: 4, len: 6 }, &[shuffle]).unwrap();
            let partial = net.add("partial", Op::Add, &[shuffle, slice]).unwrap();
            let sum = net.add("sum", Op::Add, &[partial, cat]).unwrap();
            let max = net.add("max", Op::MaxPool(halve), &[sum]).unwrap();
            let avg = net.add("avg", Op::avg_pool(halve), &[sum]).unwrap();
            let mean = net.add("mean", Op::Reduce(Reduction::Mean), &[sum]).unwrap();
            let out = CONV.oc * acts.len();
            let fc = net.add("fc", Op::Linear { out, bias: true }, &[mean]).unwrap();
            let relu = net.add("fc.relu", Op::Activation(Activation::Relu), &[fc]).unwrap();
            let gate = net.add("gate", Op::Linear { out, bias: false }, &[relu]).unwrap();
            let gated = net.add("gated", Op::Binary(Arithmetic::Mul), &[max, gate]).unwrap();
            let sigmoid = net.add("sigmoid", Op::Activation(Activation::Sigmoid), &[norm]).unwrap();
            let shares = net.add("shares", Op::Activation(Activation::Sigmoid), &[mean]).unwrap();
            let binary = Arithmetic::ALL.map(|op| {
                let second = [sigmoid, net.add(format!("{op:?}.part"), Op::Slice { begin: 2, len: 1 }, &[sigmoid]).unwrap()];
                second.map(|second| net.add(format!("{op:?}.{}", second.0), Op::Binary(op), &[sigmoid, second]).unwrap())
            });
            let share = net.add("share", Op::Slice { begin: 5, len: 1 }, &[shares]).unwrap();
            let ones = Arithmetic::ALL.map(|op| net.add(format!("{op:?}.one"), Op::Binary(op), &[shares, share]).unwrap());
            let vectors = net.add("vectors", Op::Add, &[gate, relu]).unwrap();
            let log = net.add("log", Op::Softmax { log: true }, &[vectors]).unwrap();
            let turned = net.add("turned", Op::Transpose([1, 2, 0]), &[norm]).unwrap();
            let Shape { c, h, w } = net.shape(turned);
            let boxes = net.add("boxes", Op::Reshape(Shape::new(c * h * w / 3, 3, 1)), &[turned]).unwrap();
            let soft = net.add("soft", Op::Softmax { log: false }, &[norm]).unwrap();
            let twice = net.add("twice", Op::Concat, &[relu, mean, relu]).unwrap();
            let grid = net.add("grid", Op::Constant(net.shape(norm)), &[]).unwrap();
            let beside = net.add("beside", Op::Concat, &[norm, grid]).unwrap();
            [&[beside, gated, avg, log, soft, boxes, relu, twice], &ones[..], binary.as_flattened()].concat()
        }),
        3,
    );
}

#[test]
fn pools() {
    agrees(
        &network("pools", |net| {
            let input = net.input();
            let window = Window::new((3, 2), (2, 2), (Padding { before: 1, after: 2 }, Padding::both(1)));
            let front = Padding { before: 1, after: 0 };
            let counted = [window.padding, Padding::NONE, (front, front), (Padding::both(1), Padding::both(0))];
            let averages = counted.map(|counted| Op::AvgPool { window, counted });
            let ops = averages.into_iter().chain([Op::MaxPool(window)]).chain(Reduction::ALL.map(Op::Reduce));
            ops.enumerate().map(|(i, op)| net.add(format!("pool{i}"), op, &[input]).unwrap()).collect()
        }),
        2,
    );
}

#[test]
fn moved_pixels() {
    agrees(
        &network("moved", |net| {
            let input = net.input();
            let (rows, columns) = (Padding { before: 1, after: 0 }, Padding { before: 0, after: 2 });
            let conv = net.add("conv", Op::Conv2d(Conv2d { oc: 8, bias: false, ..CONV }), &[input]).unwrap();
            let blocks = [DepthOrder::Dcr, DepthOrder::Crd].map(|order| Rearrange::DepthToSpace { block: 2, order });
            let others = [
                Rearrange::Upsample { rows: 2, columns: 3 },
                Rearrange::Pad { rows, columns },
                Rearrange::Crop { rows, columns },
            ];
            let all = blocks.into_iter().chain(others).enumerate();
            all.map(|(i, how)| net.add(format!("moved{i}"), Op::Rearrange(how), &[conv]).unwrap()).collect()
        }),
        2,
    );
}

#[test]
fn dilated_windows() {
    agrees(
        &network("dilated", |net| {
            let dilated = |window: Window| Window { dilation: (2, 1), ..window };
            let conv = Conv2d { window: dilated(CONV.window), ..CONV };
            let conv = net.add("conv", Op::Conv2d(conv), &[net.input()]).unwrap();
            let pool = net.add("pool", Op::MaxPool(dilated(Window::square(2, 1, 1))), &[conv]).unwrap();
            vec![conv, pool]
        }),
        2,
    );
}

#[test]
fn outputs_that_others_read_that_repeat_or_that_are_the_input() {
    agrees(
        &network("outputs", |net| {
            let input = net.input();
            let relu = net.add("relu", Op::Activation(Activation::Relu), &[input]).unwrap();
            let silu = net.add("silu", Op::Activation(Activation::Silu), &[relu]).unwrap();
            vec![relu, silu, relu, input]
        }),
        1,
    );
}

#[test]
fn outputs_of_one_pixel_are_vectors_though_others_read_them_as_maps() {
    let mut net = Builder::new("pixel", Shape::new(4, 1, 1)).unwrap();
    let conv = Conv2d { oc: 4, groups: 1, bias: true, window: Window::POINT };
    let first = net.add("first\n\u{1b}", Op::Conv2d(conv), &[NodeId(0)]).unwrap();
    let second = net.add("second", Op::Conv2d(conv), &[first]).unwrap();
    let linear = net.add("linear", Op::Linear { out: 3, bias: true }, &[second]).unwrap();
    let network = net.finish(&[first, second, linear, first, NodeId(0)]).unwrap();
    agrees(&network, 2);
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let mut net = network("conv", |net| vec![net.add("conv", Op::Conv2d(CONV), &[NodeId(0)]).unwrap()]);
    let mut weights = Weights::random(&net, 0);
    assert_eq!(onnx(&net, &weights, 0), Err(ExportError::Batch(0)));
    assert_eq!(onnx(&net, &weights, usize::MAX), Err(ExportError::Batch(usize::MAX)));
    weights.insert("conv.bias", Tensor::new(vec![5], vec![0.0; 5]));
    let error = onnx(&net, &weights, 1).unwrap_err().to_string();
    assert!(error.contains("network 'conv'") && error.contains("tensor 'conv.bias' has shape [5]"), "{error}");

    let error = onnx(&net, &Weights::default(), 1).unwrap_err().to_string();
    assert!(error.contains("missing tensor 'conv.weight'"), "{error}");

    net = network("names", |net| {
        let conv = net.add("conv", Op::Conv2d(CONV), &[NodeId(0)]).unwrap();
        vec![net.add("conv.bias", Op::Activation(Activation::Relu), &[conv]).unwrap()]
    });
    let error = onnx(&net, &Weights::random(&net, 0), 1).unwrap_err().to_string();
    assert!(error.contains("node 'conv.bias': another value of the file has the name 'conv.bias'"), "{error}");
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let net = network("relu", |net| vec![net.add("relu", Op::Activation(Activation::Relu), &[NodeId(0)]).unwrap()]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relu.onnx");
    let bytes = write_onnx(&path, &net, &Weights::default(), 1).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), onnx(&net, &Weights::default(), 1).unwrap());
    assert_eq!(path.metadata().unwrap().len(), bytes as u64);
    let error = write_onnx(dir.path(), &net, &Weights::default(), 1).unwrap_err().to_string();
    assert!(error.contains("cannot write"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
}
