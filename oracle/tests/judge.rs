//! Tests of the judge: PyTorch passes, and wrong values do not.

use std::collections::BTreeMap;

use sartor_models::{Activation, Builder, Conv2d, Network, NodeId, Op, Shape, Weights, Window};
use sartor_oracle::engine::Engine;
use sartor_oracle::engines::Pytorch;
use sartor_oracle::random::{input, weights};
use sartor_oracle::{Torch, Whole, tensor, values};

const CONV: Conv2d = Conv2d { oc: 24, groups: 1, bias: false, window: Window::POINT };

/// An inverted residual.
fn network() -> Network {
    let mut net = Builder::new("block", Shape::new(24, 9, 9)).unwrap();
    let expand = Conv2d { oc: 144, ..CONV };
    let depthwise = Conv2d { oc: 144, groups: 144, window: Window::square(3, 1, 1), ..CONV };
    let mut at = net.input();
    for (i, conv) in [expand, depthwise, CONV].into_iter().enumerate() {
        at = net.add(format!("conv{i}"), Op::Conv2d(conv), &[at]).unwrap();
        at = net.add(format!("bn{i}"), Op::BatchNorm { eps: 1e-5 }, &[at]).unwrap();
        if i < 2 {
            at = net.add(format!("act{i}"), Op::Activation(Activation::Silu), &[at]).unwrap();
        }
    }
    let sum = net.add("add", Op::Add, &[at, net.input()]).unwrap();
    net.finish(&[sum]).unwrap()
}

fn engine_values(network: &Network, seed: u64) -> BTreeMap<NodeId, tch::Tensor> {
    let x = input(network.input_shape(), 1, 1);
    Pytorch.values(network, &weights(network, seed), &x, 1).unwrap()
}

fn whole(network: &Network, weights: &Weights) -> Whole {
    Whole::new(network, weights, &input(network.input_shape(), 1, 1), 1)
}

/// The engine's values with only the maps between layers kept, as a fusing engine has them.
fn fused(mut all: BTreeMap<NodeId, tch::Tensor>, network: &Network) -> BTreeMap<NodeId, tch::Tensor> {
    all.retain(|id, _| ["input", "act0", "act1", "add"].contains(&network.node(*id).name.as_str()));
    assert_eq!(all.len(), 4);
    all
}

#[test]
fn pytorch_is_right_by_layer_and_as_a_whole() {
    let network = network();
    let weights = weights(&network, 2);
    let torch = Torch::new(&network, &weights);
    let all = engine_values(&network, 2);
    for engine in [fused(all.iter().map(|(&id, t)| (id, t.shallow_clone())).collect(), &network), all] {
        for verdict in torch.judge_layers(&engine) {
            assert!(verdict.is_right(), "{verdict:?}");
            assert!(verdict.ratio < 0.5 || verdict.name == "add", "the tolerance is nearly reached: {verdict:?}");
        }
    }
    let output = engine_values(&network, 2).remove(&network.outputs()[0]).unwrap();
    assert!(whole(&network, &weights).judge(&[output])[0].is_right());
}

/// One product of one dot product left out, in every layer in turn.
#[test]
fn a_dropped_product_is_wrong() {
    let network = network();
    let right = weights(&network, 2);
    for conv in ["conv0.weight", "conv1.weight", "conv2.weight"] {
        let mut dropped = right.clone();
        let tensor = right.get(conv).unwrap();
        let mut data = tensor.data().to_vec();
        let typical = data.iter().position(|w| w.abs() > 0.02).unwrap();
        data[typical] = 0.0;
        dropped.insert(conv, sartor_models::Tensor::new(tensor.shape().to_vec(), data));
        let x = input(network.input_shape(), 1, 1);
        let engine = fused(Pytorch.values(&network, &dropped, &x, 1).unwrap(), &network);
        let verdicts = Torch::new(&network, &right).judge_layers(&engine);
        assert_eq!(verdicts.iter().filter(|v| !v.is_right()).count(), 1, "{conv}: {verdicts:?}");
        let outputs = [engine[&network.outputs()[0]].shallow_clone()];
        assert!(!whole(&network, &right).judge(&outputs)[0].is_right(), "{conv}");
    }
}

#[test]
fn values_that_are_no_numbers_are_wrong() {
    let network = network();
    let right = weights(&network, 2);
    let mut engine = engine_values(&network, 2);
    let output = network.outputs()[0];
    let shape = network.node(output).shape;
    let mut data = values(&engine[&output]);
    data[7] = f32::NAN;
    engine.insert(output, tensor(&data, 1, shape));
    let torch = Torch::new(&network, &right);
    assert!(!torch.judge_layers(&engine).last().unwrap().is_right());
    assert!(!whole(&network, &right).judge(&[engine[&output].shallow_clone()])[0].is_right());
}
