use sartor_ops::Parameter;

use super::matcher::Matcher;
use super::patterns::ALL;
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Builder, Network, NodeId, Op, Shape};
use crate::weights::Weights;

/// A network of one map of eight channels, and shorter words for its nodes.
struct Written(Builder, usize);

impl Written {
    fn new() -> Self {
        Self(Builder::new("test", Shape::new(8, 3, 3)).unwrap(), 0)
    }

    fn add(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.1 += 1;
        self.0.add(format!("n{}", self.1), op, inputs).unwrap()
    }

    fn act(&mut self, function: Activation, x: NodeId) -> NodeId {
        self.add(Op::Activation(function), &[x])
    }

    fn affine(&mut self, a: f32, b: f32, x: NodeId) -> NodeId {
        self.act(Activation::Affine(Parameter::new(a), Parameter::new(b)), x)
    }

    fn mul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.add(Op::Binary(Arithmetic::Mul), &[a, b])
    }

    fn finish(self, last: NodeId) -> (Network, NodeId) {
        (self.0.finish(&[last]).unwrap(), last)
    }
}

/// What the last node turns out to be, and by which pattern.
fn found((network, last): (Network, NodeId)) -> Option<(&'static str, Op, Vec<NodeId>)> {
    let weights = Weights::default();
    let mut matcher = Matcher::new(&network, &weights);
    let mut name = None;
    while let Some(pattern) = matcher
        .ids()
        .find_map(|id| ALL.iter().find(|pattern| matcher.rewrite(id, pattern.find)).map(|pattern| (id, pattern.name)))
    {
        if pattern.0 == last {
            name = Some(pattern.1);
        }
    }
    name.map(|name| (name, matcher.op(last), matcher.inputs(last).to_vec()))
}

const X: NodeId = NodeId(0);

fn is(network: (Network, NodeId), name: &str, function: Activation) {
    assert_eq!(
        found(network),
        Some((name, Op::Activation(function), vec![X])).map(|(_, op, x)| (
            ALL.iter().find(|p| p.name == name).unwrap().name,
            op,
            x
        ))
    );
}

#[test]
fn gates_of_x() {
    for (gate, whole) in [
        (Activation::Sigmoid, Activation::Silu),
        (Activation::HardSigmoid(Parameter::new(1.0 / 6.0), Parameter::new(0.5)), Activation::HardSwish),
    ] {
        let mut w = Written::new();
        let g = w.act(gate, X);
        let last = w.mul(g, X);
        is(w.finish(last), "x times a gate of x", whole);
    }
    let mut w = Written::new();
    let (softplus, beta) = (w.act(Activation::Softplus, X), w.affine(1.5, 0.0, X));
    let tanh = w.act(Activation::Tanh, softplus);
    let sigmoid = w.act(Activation::Sigmoid, beta);
    let mish = w.mul(X, tanh);
    let swish = w.mul(X, sigmoid);
    let other = w.mul(mish, sigmoid);
    let (network, _) = w.finish(other);
    is((network.clone(), mish), "x times a gate of x", Activation::Mish);
    is((network.clone(), swish), "x times a gate of x", Activation::Swish(Parameter::new(1.5)));
    assert_eq!(found((network, other)), None, "the gate of another map");
}

#[test]
fn hard_swish_in_its_spellings() {
    let mut w = Written::new();
    let shifted = w.affine(1.0, 3.0, X);
    let clamped = w.act(Activation::Relu6, shifted);
    let sixth = w.affine(1.0 / 6.0, 0.0, clamped);
    let first = w.mul(X, sixth);
    let product = w.mul(X, clamped);
    let last = w.affine(1.0 / 6.0, 0.0, product);
    let fifth = w.affine(0.2, 0.0, product);
    let (network, _) = w.finish(fifth);
    is(
        (network.clone(), sixth),
        "a hard sigmoid by a clamp",
        Activation::HardSigmoid(Parameter::new(1.0 / 6.0), Parameter::new(0.5)),
    );
    is((network.clone(), first), "x times a gate of x", Activation::HardSwish);
    is((network.clone(), last), "a hard swish that is divided last", Activation::HardSwish);
    assert_eq!(found((network, fifth)), None, "a fifth is no sixth");
}

#[test]
fn gelu_in_its_spellings() {
    let mut w = Written::new();
    let scaled = w.affine(std::f32::consts::FRAC_1_SQRT_2, 0.0, X);
    let erf = w.act(Activation::Erf, scaled);
    let sum = w.affine(1.0, 1.0, erf);
    let product = w.mul(X, sum);
    let half_last = w.affine(0.5, 0.0, product);
    let half_x = w.affine(0.5, 0.0, X);
    let half_first = w.mul(half_x, sum);
    let both = w.affine(0.5, 0.5, erf);
    let half_function = w.mul(both, X);
    let (network, _) = w.finish(half_function);
    for last in [half_last, half_first, half_function] {
        is((network.clone(), last), "GELU by an error function", Activation::Gelu);
    }
}

#[test]
fn gelu_by_tanh() {
    let mut w = Written::new();
    let square = w.mul(X, X);
    let cube = w.mul(square, X);
    let term = w.affine(0.044_715, 0.0, cube);
    let inner = w.add(Op::Add, &[X, term]);
    let scaled = w.affine(0.797_884_6, 0.0, inner);
    let tanh = w.act(Activation::Tanh, scaled);
    let sum = w.affine(1.0, 1.0, tanh);
    let half = w.affine(0.5, 0.0, X);
    let last = w.mul(half, sum);
    is(w.finish(last), "GELU by a hyperbolic tangent", Activation::GeluTanh);
}

#[test]
fn partial_shortcuts() {
    let mut w = Written::new();
    let head = w.add(Op::Slice { begin: 0, len: 3 }, &[X]);
    let tail = w.add(Op::Slice { begin: 3, len: 5 }, &[X]);
    let y = w.act(Activation::Relu, head);
    let sum = w.add(Op::Add, &[head, y]);
    let last = w.add(Op::Concat, &[sum, tail]);
    assert_eq!(found(w.finish(last)), Some(("a partial shortcut by concatenation", Op::Add, vec![X, y])));
    let mut w = Written::new();
    let head = w.add(Op::Slice { begin: 0, len: 3 }, &[X]);
    let tail = w.add(Op::Slice { begin: 3, len: 5 }, &[X]);
    let last = w.add(Op::Concat, &[head, tail]);
    assert_eq!(found(w.finish(last)), Some(("a map in slices, joined again", Op::Concat, vec![X])));
}
