//! A network whose nodes are being rewritten.

use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Network, NodeId, Op, Shape};
use crate::weights::{Tensor, Weights};

/// What a node turns out to be.
pub struct Found {
    /// The operator. It has no parameters, or it is a convolution that keeps those of the convolution before.
    pub op: Op,
    /// What it reads.
    pub inputs: Vec<NodeId>,
}

/// The nodes of a network, some of them rewritten.
pub struct Matcher<'a> {
    network: &'a Network,
    weights: &'a Weights,
    found: Vec<Option<Found>>,
}

impl<'a> Matcher<'a> {
    pub fn new(network: &'a Network, weights: &'a Weights) -> Self {
        Self { network, weights, found: network.nodes().iter().map(|_| None).collect() }
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.network.ids()
    }

    /// Tries a pattern at a node. Returns whether it found something.
    pub fn rewrite(&mut self, id: NodeId, find: fn(&Self, NodeId) -> Option<Found>) -> bool {
        let found = find(self, id);
        let any = found.is_some();
        if any {
            self.found[id.0] = found;
        }
        any
    }

    /// Whether a node was rewritten.
    pub fn is_rewritten(&self, id: NodeId) -> bool {
        self.found[id.0].is_some()
    }

    /// The operator of a node.
    pub fn op(&self, id: NodeId) -> Op {
        self.found[id.0].as_ref().map_or(self.network.node(id).op, |found| found.op)
    }

    /// What a node reads.
    pub fn inputs(&self, id: NodeId) -> &[NodeId] {
        self.found[id.0].as_ref().map_or(&self.network.node(id).inputs, |found| &found.inputs)
    }

    /// The shape of a node's map.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.network.node(id).shape
    }

    /// The parameter of a node.
    pub fn param(&self, id: NodeId, suffix: &str) -> Option<&[f32]> {
        self.weights.get(&format!("{}.{suffix}", self.network.node(id).name)).map(Tensor::data)
    }

    /// The function and the argument of a node that applies one.
    pub fn activation(&self, id: NodeId) -> Option<(Activation, NodeId)> {
        match self.op(id) {
            Op::Activation(function) => Some((function, self.inputs(id)[0])),
            _ => None,
        }
    }

    /// The argument of a node that applies this function.
    pub fn argument(&self, id: NodeId, function: Activation) -> Option<NodeId> {
        self.activation(id).filter(|(found, _)| *found == function).map(|(_, argument)| argument)
    }

    /// `a`, `b` and `x` of a node that computes `a * x + b` with the same numbers for all channels.
    pub fn affine(&self, id: NodeId) -> Option<(f32, f32, NodeId)> {
        match self.op(id) {
            Op::Activation(Activation::Affine(a, b)) => Some((a.value(), b.value(), self.inputs(id)[0])),
            Op::BatchNorm { eps } if eps == f64::MIN_POSITIVE => {
                let one = |suffix: &str| match self.param(id, suffix)? {
                    [first, rest @ ..] if rest.iter().all(|value| value == first) => Some(*first),
                    _ => None,
                };
                let plain = one("running_mean")? == 0.0 && one("running_var")? == 1.0;
                plain.then_some((one("weight")?, one("bias")?, self.inputs(id)[0]))
            }
            _ => None,
        }
    }

    /// `x` of a node that computes `a * x + b` with these numbers, up to rounding.
    pub fn affine_of(&self, id: NodeId, a: f32, b: f32) -> Option<NodeId> {
        let (scale, shift, x) = self.affine(id)?;
        (near(scale, a) && near(shift, b)).then_some(x)
    }

    /// Both factors of a product of maps of the same shape, in both orders.
    pub fn products(&self, id: NodeId) -> Vec<(NodeId, NodeId)> {
        match (self.op(id), self.inputs(id)) {
            (Op::Binary(Arithmetic::Mul), &[a, b]) if self.shape(a) == self.shape(b) => vec![(a, b), (b, a)],
            _ => Vec::new(),
        }
    }
}

/// Whether two numbers are the same but for the rounding of whoever wrote one of them.
pub fn near(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-6 * b.abs()
}
