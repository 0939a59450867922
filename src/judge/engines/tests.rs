use std::collections::BTreeMap;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{RngCore, SeedableRng};
use sartor_kernels::reference::bound;
use sartor_models::zoo::Spec;
use sartor_models::{Activation, Arithmetic, Builder, Op, Reduction, Shape, Tensor, Window, zoo};

use super::*;

fn levels() -> Vec<Level> {
    Level::allowed().expect("SARTOR_MAX_LEVEL is a level")
}

/// Values in -1..1.
fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut bits = Pcg32::seed_from_u64(seed);
    (0..len).map(|_| (bits.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// Judges every value the generic engine computes by what the reference makes of the values it was computed from.
fn judge(network: &Network, weights: &Weights, batch: usize) {
    let reference = ReferenceEngine::new(network, weights).unwrap();
    let input = noise(7, network.input_shape().len() * batch);
    for level in levels() {
        let mut generic = GenericEngine::new(network, weights, level).unwrap();
        let mut known: BTreeMap<NodeId, Vec<f32>> = BTreeMap::new();
        generic
            .run_each(&input, batch, |id, value| {
                let name = &network.node(id).name;
                assert_eq!(value.len(), network.node(id).shape.len() * batch, "{} {name}", network.name);
                if id.0 > 0 {
                    let expected = reference.expect(id, &known, batch);
                    let (error, at) = bound::largest_error(&value, &expected.exact);
                    assert!(
                        error <= expected.bound,
                        "{} {name}, {level}: {} for {} at {at}, an error of {error} over {}",
                        network.name,
                        value[at],
                        expected.exact[at],
                        expected.bound
                    );
                }
                known.insert(id, value);
            })
            .unwrap();
        let outputs = generic.run(&input, batch).unwrap();
        for (output, id) in outputs.iter().zip(network.outputs()) {
            assert!(output == &known[id], "{} {level}: a second run differs, or memory was reused too early", network.name);
            assert!(output.iter().all(|x| x.is_finite()), "{} {level}: not finite", network.name);
        }
    }
}

fn conv2d(oc: usize, kernel: usize, stride: usize, groups: usize, bias: bool) -> Op {
    Op::Conv2d(Conv2d { oc, groups, bias, window: Window::square(kernel, stride, kernel / 2) })
}

/// A network with every operator, with nodes that are read twice, and with outputs in the middle of what could be fused.
fn every_operator() -> Network {
    let mut b = Builder::new("every_operator", Shape::new(5, 13, 9)).unwrap();
    let bn = Op::BatchNorm { eps: 1e-3 };
    let pool = Window::square(3, 2, 1);
    let input = b.input();
    let first = b.add("first", bn, &[input]).unwrap();
    let stem = b.add("stem", conv2d(22, 3, 2, 1, true), &[first]).unwrap();
    let stem_bn = b.add("stem_bn", bn, &[stem]).unwrap();
    let stem_act = b.add("stem_act", Op::Activation(Activation::Silu), &[stem_bn]).unwrap();
    let deep = b.add("deep", conv2d(22, 5, 1, 22, false), &[stem_act]).unwrap();
    // An output between a convolution and its batch norm.
    let deep_bn = b.add("deep_bn", bn, &[deep]).unwrap();
    let deep_act = b.add("deep_act", Op::Activation(Activation::Relu6), &[deep_bn]).unwrap();
    let mean = b.add("mean", Op::Reduce(Reduction::Mean), &[deep_act]).unwrap();
    let squeeze = b.add("squeeze", conv2d(3, 1, 1, 1, true), &[mean]).unwrap();
    let squeeze_act = b.add("squeeze_act", Op::Activation(Activation::Relu), &[squeeze]).unwrap();
    let excite = b.add("excite", conv2d(22, 1, 1, 1, true), &[squeeze_act]).unwrap();
    let gate = b.add("gate", Op::Activation(Activation::Sigmoid), &[excite]).unwrap();
    let gated = b.add("gated", Op::Binary(Arithmetic::Mul), &[deep_act, gate]).unwrap();
    let pixels = b.add("pixels", conv2d(1, 1, 1, 1, true), &[gated]).unwrap();
    let one = b.add("one", Op::Reduce(Reduction::Mean), &[pixels]).unwrap();
    let mut arithmetic = vec![gated];
    for op in Arithmetic::ALL {
        for (what, second) in [("map", stem_act), ("gate", gate), ("pixel", pixels), ("one", one)] {
            // A sigmoid is not near zero.
            let name = format!("{op:?}.{what}");
            let [first, second] = [(gated, "a"), (second, "b")].map(|(src, side)| match op.divides() {
                true => b.add(format!("{name}.{side}"), Op::Activation(Activation::Sigmoid), &[src]).unwrap(),
                false => src,
            });
            arithmetic.push(b.add(name, Op::Binary(op), &[first, second]).unwrap());
        }
    }
    let together = b.add("together", Op::Concat, &arithmetic).unwrap();
    let narrow = b.add("narrow", conv2d(8, 1, 1, 2, false), &[gated]).unwrap();
    // Read by the sum and by the activation: neither may be fused.
    let sum = b.add("sum", Op::Add, &[gated, narrow]).unwrap();
    let narrow_act = b.add("narrow_act", Op::Activation(Activation::Relu), &[narrow]).unwrap();
    let max = b.add("max", Op::MaxPool(pool), &[sum]).unwrap();
    let average = b.add("average", Op::avg_pool(pool), &[narrow_act]).unwrap();
    let joined = b.add("joined", Op::Concat, &[max, average]).unwrap();
    let shuffled = b.add("shuffled", Op::ChannelShuffle { groups: 5 }, &[joined]).unwrap();
    let sliced = b.add("sliced", Op::Slice { begin: 3, len: 17 }, &[shuffled]).unwrap();
    let head = b.add("head", Op::Reduce(Reduction::Mean), &[sliced]).unwrap();
    let linear = b.add("linear", Op::Linear { out: 11, bias: true }, &[head]).unwrap();
    let linear_bn = b.add("linear_bn", bn, &[linear]).unwrap();
    let softmax = b.add("softmax", Op::Softmax { log: true }, &[linear_bn]).unwrap();
    let shares = b.add("shares", Op::Softmax { log: false }, &[shuffled]).unwrap();
    let turned = b.add("turned", Op::Transpose([1, 2, 0]), &[shuffled]).unwrap();
    let Shape { c, h, w } = b.shape(turned);
    let anchors = b.add("anchors", Op::Reshape(Shape::new(c * h, w, 1)), &[turned]).unwrap();
    let convolved = b.add("convolved", conv2d(3, 1, 1, 1, true), &[anchors]).unwrap();
    b.finish(&[softmax, convolved, shares, deep, joined, together, input]).unwrap()
}

#[test]
fn every_operator_agrees_with_the_reference() {
    let network = every_operator();
    for batch in [1, 3] {
        judge(&network, &Weights::random(&network, 1), batch);
    }
}

#[test]
fn every_network_of_the_zoo_agrees_with_the_reference() {
    for name in zoo::defaults() {
        let spec: Spec = name.parse().unwrap();
        let network = spec.with_resolution(40, 32).build().unwrap();
        judge(&network, &Weights::random(&network, 2), 1);
    }
}

#[test]
fn a_larger_batch_after_a_smaller_one() {
    let network = every_operator();
    let weights = Weights::random(&network, 3);
    let input = noise(1, network.input_shape().len() * 3);
    for level in levels() {
        let mut engine = GenericEngine::new(&network, &weights, level).unwrap();
        let one = engine.run(&input[..network.input_shape().len()], 1).unwrap();
        let three = engine.run(&input, 3).unwrap();
        for (one, three) in one.iter().zip(&three) {
            assert_eq!(three.len(), 3 * one.len());
            assert!(one.iter().zip(three).all(|(a, b)| (a - b).abs() <= 1e-4 * a.abs().max(1.0)), "{level}");
        }
        assert_eq!(engine.run(&input[..network.input_shape().len()], 1).unwrap(), one, "{level}");
    }
}

#[test]
fn the_reference_gives_outputs_rounded_and_nodes_exact() {
    let network = every_operator();
    let weights = Weights::random(&network, 4);
    let engine = ReferenceEngine::new(&network, &weights).unwrap();
    let input = noise(5, network.input_shape().len() * 2);
    let all = engine.run_all(&input, 2).unwrap();
    assert_eq!(all.len(), network.nodes().len());
    let outputs = engine.run(&input, 2).unwrap();
    for (output, id) in outputs.iter().zip(network.outputs()) {
        assert_eq!(output, &sartor_kernels::reference::round(&all[id.0]));
    }
    // Between nodes values are rounded.
    let conv = network.nodes().iter().position(|node| node.name == "stem").unwrap();
    let first = sartor_kernels::reference::round(&all[conv - 1]);
    assert_eq!(engine.node(NodeId(conv), &[&first[..]], 2), all[conv]);
}

#[test]
fn a_value_that_is_wrong_is_found() {
    let network = every_operator();
    let weights = Weights::random(&network, 6);
    let reference = ReferenceEngine::new(&network, &weights).unwrap();
    let input = noise(5, network.input_shape().len());
    let mut engine = GenericEngine::new(&network, &weights, Level::Portable).unwrap();
    let mut known = BTreeMap::new();
    engine.run_each(&input, 1, |id, value| drop(known.insert(id, value))).unwrap();
    for (&id, value) in known.iter().filter(|(id, _)| id.0 > 0) {
        let before = known.iter().filter(|(other, _)| **other < id).map(|(&id, value)| (id, value.clone())).collect();
        let expected = reference.expect(id, &before, 1);
        let wrong: Vec<f32> = value.iter().enumerate().map(|(i, x)| if i == 0 { x + 0.01 } else { *x }).collect();
        let (error, at) = bound::largest_error(&wrong, &expected.exact);
        assert!(at == 0 && error > expected.bound, "{}: bound {}", network.node(id).name, expected.bound);
    }
}

#[test]
fn all_tensors_at_fault_are_named() {
    let network = every_operator();
    let complete = Weights::random(&network, 1);
    let mut weights = Weights::default();
    for (name, tensor) in complete.iter().filter(|(name, _)| !["stem.bias", "gate.weight", "squeeze.weight"].contains(name)) {
        weights.insert(name, tensor.clone());
    }
    weights.insert("linear.weight", Tensor::new(vec![11, 1], vec![0.0; 11]));
    let errors = [
        ReferenceEngine::new(&network, &weights).map(drop).unwrap_err(),
        GenericEngine::new(&network, &weights, Level::Portable).map(drop).unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        for part in ["every_operator", "stem.bias", "squeeze.weight", "linear.weight", "[11, 1]", "[11, 17]"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn inputs_and_levels_that_do_not_fit_are_errors() {
    let network = every_operator();
    let weights = Weights::random(&network, 1);
    let reference = ReferenceEngine::new(&network, &weights).unwrap();
    let mut generic = GenericEngine::new(&network, &weights, Level::Portable).unwrap();
    let len = network.input_shape().len();
    for (input, batch) in [(vec![0.0; len], 0), (vec![0.0; len], 2), (vec![0.0; len - 1], 1), (Vec::new(), usize::MAX / 2)] {
        let error = reference.run(&input, batch).unwrap_err();
        assert_eq!(generic.run(&input, batch).unwrap_err(), error);
        match error {
            EngineError::Batch { batch: found, .. } => assert!(found == 0 || found > 1 << 40),
            EngineError::Input { expected, found, .. } => assert_eq!((expected, found), (len * batch, input.len())),
            other => panic!("{other}"),
        }
    }
    let foreign = if cfg!(target_arch = "aarch64") { Level::Avx2 } else { Level::Neon };
    assert_eq!(GenericEngine::new(&network, &weights, foreign).map(drop), Err(EngineError::Level(foreign)));
}

/// Under random weights the values of nodes neither vanish nor explode, through any network of the zoo.
#[test]
fn random_weights_keep_the_scale_of_values() {
    for name in zoo::defaults() {
        let network = name.parse::<Spec>().unwrap().with_resolution(64, 64).build().unwrap();
        let weights = Weights::random(&network, 0);
        // Uniform, of variance 1.
        let input: Vec<f32> = noise(3, network.input_shape().len()).into_iter().map(|x| x * 3f32.sqrt()).collect();
        let values = ReferenceEngine::new(&network, &weights).unwrap().run_all(&input, 1).unwrap();
        let rms = |x: &[f64]| (x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64).sqrt();
        for (node, value) in network.nodes().iter().zip(&values) {
            assert!((0.01..30.0).contains(&rms(value)), "{name}, {}: root mean square {}", node.name, rms(value));
        }
    }
}

/// No network of the zoo makes more of a small change of its input than the change is, whatever weights are drawn: rounding is one.
#[test]
fn random_weights_are_well_conditioned() {
    const CHANGE: f32 = 0.01;
    for spec in zoo::entries().iter().flat_map(|entry| entry.defaults()) {
        let network = spec.build().unwrap();
        for seed in 0..3 {
            let mut engine = GenericEngine::new(&network, &Weights::random(&network, seed), Level::best().unwrap()).unwrap();
            let len = network.input_shape().len();
            let (input, other) = (noise(1, len), noise(2, len));
            let changed: Vec<f32> = input.iter().zip(other).map(|(x, y)| x + CHANGE * y).collect();
            let [before, after] = [input, changed].map(|input| engine.run(&input, 1).unwrap().concat());
            let largest = before.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
            let moved = before.iter().zip(&after).fold(0.0, |moved: f32, (x, y)| moved.max((x - y).abs()));
            assert!((0.25..50.0).contains(&largest), "{spec}, seed {seed}: the largest output is {largest}");
            assert!(moved > 0.0 && moved < CHANGE * largest, "{spec}, seed {seed}: {moved} of {largest} moved");
        }
    }
}

#[test]
fn weights_that_folding_makes_infinite_are_refused_unless_that_is_allowed() {
    let mut builder = Builder::new("norm", Shape::new(2, 1, 1)).unwrap();
    let conv = builder.add("conv", conv2d(2, 1, 1, 1, false), &[builder.input()]).unwrap();
    let norm = builder.add("norm", Op::BatchNorm { eps: 1e-5 }, &[conv]).unwrap();
    let network = builder.finish(&[norm]).unwrap();
    for (name, values) in [("norm.running_var", [1.0, -0.5]), ("norm.weight", [1.0, 3e38]), ("norm.bias", [f32::NAN, 0.0])] {
        let mut weights = Weights::random(&network, 1);
        weights.insert(name, Tensor::new(vec![2], values.to_vec()));
        let errors = levels().into_iter().map(|level| GenericEngine::new(&network, &weights, level).map(|_| ()));
        for error in errors.chain([ReferenceEngine::new(&network, &weights).map(|_| ())]) {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let weights = weights.with_non_finite_allowed();
        let mut outputs = vec![ReferenceEngine::new(&network, &weights).unwrap().run(&[1.0, 1e10], 1).unwrap()];
        for level in levels() {
            outputs.push(GenericEngine::new(&network, &weights, level).unwrap().run(&[1.0, 1e10], 1).unwrap());
        }
        assert!(outputs.iter().all(|output| output[0].iter().any(|x| !x.is_finite())), "{name}: {outputs:?}");
    }
}
