//! The tails of outputs: nodes between the last layers and what the user gets, of which the copying to the output takes care.
//!
//! They only move values, or are softmaxes of what was moved. A walk from the output back finds where the values of each map lie
//! in it. What is also read inside the network, or lies at no constant strides, is no part of a tail: layers compute it.

use sartor_models::{Network, NodeId, Op};

use super::view::{View, joined};
use crate::network::output::{Softmax, Stride};

/// What an output is made of.
pub(super) struct Tail {
    /// The output's node.
    pub node: NodeId,
    /// The values that it is copied from, and where they go.
    pub pieces: Vec<(NodeId, View)>,
    /// What is done then, in order.
    pub softmaxes: Vec<Softmax>,
}

/// Which nodes are in tails, and the tails. `inputs` is what each node reads, and `is_live` says whether an output depends on it.
pub(super) fn tails(
    network: &Network,
    inputs: &[Vec<NodeId>],
    outputs: &[NodeId],
    is_live: impl Fn(NodeId) -> bool,
) -> (Vec<bool>, Vec<Tail>) {
    let mut inside = movers(network, inputs);
    keep_out(&mut inside, inputs, &is_live);
    let mut walk = Walk { network, inputs, inside: &inside, stops: Vec::new() };
    let tails = outputs.iter().map(|&output| walk.tail(output)).collect();
    let stops = std::mem::take(&mut walk.stops);
    stops.into_iter().for_each(|stop| inside[stop.0] = false);
    keep_out(&mut inside, inputs, &is_live);
    (inside, tails)
}

/// Which nodes may be in a tail: those that move values or follow one that does.
fn movers(network: &Network, inputs: &[Vec<NodeId>]) -> Vec<bool> {
    let mut moves: Vec<bool> = Vec::with_capacity(inputs.len());
    for (node, inputs) in network.nodes().iter().zip(inputs) {
        moves.push(match node.op {
            Op::Softmax { .. } | Op::Transpose(_) | Op::Reshape(_) => true,
            Op::Concat => inputs.iter().any(|input| moves[input.0]),
            _ => false,
        });
    }
    moves
}

/// Takes out of the tails what a node reads that is in none.
fn keep_out(inside: &mut [bool], inputs: &[Vec<NodeId>], is_live: &impl Fn(NodeId) -> bool) {
    for id in (0..inputs.len()).rev().filter(|&id| is_live(NodeId(id))) {
        if !inside[id] {
            inputs[id].iter().for_each(|input| inside[input.0] = false);
        }
    }
}

/// Walks from outputs back to the values that layers compute.
struct Walk<'a> {
    network: &'a Network,
    /// What each node reads.
    inputs: &'a [Vec<NodeId>],
    /// Which nodes are in tails.
    inside: &'a [bool],
    /// Those of them at which walks ended, because what follows scatters their values at no constant strides.
    stops: Vec<NodeId>,
}

impl Walk<'_> {
    /// The tail of an output.
    fn tail(&mut self, node: NodeId) -> Tail {
        let mut tail = Tail { node, pieces: Vec::new(), softmaxes: Vec::new() };
        self.back(node, View::whole(self.network.node(node).shape), &mut tail);
        // The last softmax was found first.
        tail.softmaxes.reverse();
        tail
    }

    fn back(&mut self, id: NodeId, view: View, tail: &mut Tail) {
        let inputs = &self.inputs[id.0];
        let shape = |id: NodeId| self.network.node(id).shape;
        match self.network.node(id).op {
            _ if !self.inside[id.0] => tail.pieces.push((id, view)),
            op @ (Op::Transpose(_) | Op::Reshape(_)) => match view.before(op, shape(inputs[0])) {
                Some(before) => self.back(inputs[0], before, tail),
                None => self.stop(id, view, tail),
            },
            Op::Softmax { log } => {
                let row = match view.dims[0][..] {
                    [] => Stride { count: 1, step: 0 },
                    [row] => row,
                    _ => return self.stop(id, view, tail),
                };
                let rows = joined([&view.dims[1][..], &view.dims[2]].concat());
                tail.softmaxes.push(Softmax { log, first: view.first, row, rows });
                self.back(inputs[0], view, tail);
            }
            _ => {
                let mut begin = 0;
                let parts = inputs.iter().map(|&input| {
                    let len = shape(input).c;
                    begin += len;
                    Some((input, view.channels(begin - len, len)?))
                });
                match parts.collect::<Option<Vec<_>>>() {
                    Some(parts) => parts.into_iter().for_each(|(input, part)| self.back(input, part, tail)),
                    None => self.stop(id, view, tail),
                }
            }
        }
    }

    fn stop(&mut self, id: NodeId, view: View, tail: &mut Tail) {
        self.stops.push(id);
        tail.pieces.push((id, view));
    }
}
