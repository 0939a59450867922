//! Inputs of problems, and the classes of values that may result.

use sartor::codegen::network::layers::Layer;
use sartor::codegen::plan::Plan;
use sartor::models::{Activation, Network, Node, Op};

use crate::draw::Draw;

/// Inputs of a kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// Reals of -1..1.
    Ordinary,
    /// Denormals of both signs, among signed zeros.
    Denormal,
    /// Magnitudes up to 1e30.
    Large,
    /// Reals with one or two of NaN, infinity and negative zero among them.
    Special,
}

impl Values {
    pub const ALL: [Values; 4] = [Values::Ordinary, Values::Denormal, Values::Large, Values::Special];

    pub fn draw(self, len: usize, draw: &mut Draw) -> Vec<f32> {
        let mut values: Vec<f32> = (0..len)
            .map(|_| match self {
                Values::Ordinary | Values::Special => draw.real(),
                Values::Denormal => [draw.real() * 1e-38, 0.0, -0.0][[0, 0, 0, 1, 2][draw.below(5)]],
                Values::Large => draw.real() * 1e30,
            })
            .collect();
        if self == Values::Special {
            for _ in 0..=draw.below(2) {
                values[draw.below(len)] = SPECIALS[draw.below(SPECIALS.len())];
            }
        }
        values
    }
}

const SPECIALS: [f32; 5] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, -f32::NAN];

/// NaN, an infinity or a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Class {
    NaN,
    Infinite(bool),
    Finite,
}

impl Class {
    pub fn of(x: f64) -> Self {
        if x.is_nan() {
            Class::NaN
        } else if x.is_infinite() {
            Class::Infinite(x > 0.0)
        } else {
            Class::Finite
        }
    }
}

/// Why a value may have another class than PyTorch's, if it may. These are the exceptions that the README states.
pub fn exception(network: &Network, plan: &Plan, expected: Class, found: Class) -> Option<&'static str> {
    let any = |is: fn(&Op) -> bool| network.nodes().iter().any(|node| is(&node.op));
    // Normalising adds layers that copy; the network has no nodes of their names.
    let is_copy = |layer: &Layer| network.nodes().iter().all(|node| node.name != layer.name);
    let grouped = |node: &Node| match node.op {
        Op::Conv2d(conv) => conv.groups > 1 && [conv.oc, network.node(node.inputs[0]).shape.c] != [conv.groups; 2],
        _ => false,
    };
    let copies = plan.layers.layers.iter().any(is_copy);
    if (expected == Class::NaN || copies && expected != Class::Finite) && any(|op| matches!(op, Op::MaxPool(_))) {
        Some("max pooling drops a NaN, which may be what a copy made of an infinity")
    } else if found == Class::NaN && network.nodes().iter().any(grouped) {
        Some("a value that is not finite reaches a neighbouring group")
    } else if found == Class::NaN && copies {
        Some("a copy of channels is a convolution by the identity, where infinity times zero is NaN")
    } else if expected == Class::NaN && any(|op| *op == Op::Activation(Activation::Silu)) {
        Some("SiLU of negative infinity is its limit")
    } else {
        None
    }
}
