//! The tails of outputs: nodes between the last layers and what the user gets, of which the copying to the output takes care.
//!
//! They only move values, or are softmaxes of what was moved. A walk from the output back finds where the values of each map lie
//! in it.

use sartor_models::escape::line;
use sartor_models::{Network, Node, NodeId, Op, Shape};

use super::error::NormalizeError;
use crate::layout::Map;
use crate::network::output::{Loop, Softmax, Stride};

/// What an output is made of.
pub(super) struct Tail {
    /// The output's node.
    pub node: NodeId,
    /// The values that it is copied from, and where they go.
    pub pieces: Vec<(NodeId, View)>,
    /// What is done then, in order.
    pub softmaxes: Vec<Softmax>,
}

/// Where the values of a node lie in an image of the output. Along each of the node's dimensions they are loops with constant
/// strides, from the outermost in.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The place of the first value.
    pub first: usize,
    /// The loops along channels, rows and columns.
    pub dims: [Vec<Stride>; 3],
}

impl View {
    /// A node that is the whole output.
    fn whole(shape: Shape) -> Self {
        let strides = [(shape.c, shape.pixels()), (shape.h, shape.w), (shape.w, 1)];
        Self { first: 0, dims: strides.map(|(count, step)| joined(vec![Stride { count, step }])) }
    }

    /// Some of the channels; `None` if they do not lie at constant strides.
    fn channels(&self, begin: usize, len: usize) -> Option<Self> {
        let mut part = self.clone();
        if let [outer, inner @ ..] = &mut part.dims[0][..] {
            let each = inner.iter().map(|inner| inner.count).product::<usize>();
            if !begin.is_multiple_of(each) || !len.is_multiple_of(each) {
                return None;
            }
            outer.count = len / each;
            part.first += begin / each * outer.step;
        }
        part.dims[0] = joined(part.dims[0].clone());
        Some(part)
    }

    /// The same elements under another shape; `None` if one of its dimensions has no constant strides.
    fn reshaped(&self, shape: Shape) -> Option<Self> {
        let mut rest = joined(self.dims.concat());
        let mut dims = shape.dims().map(|size| (size, Vec::new()));
        for (size, dim) in dims.iter_mut().rev() {
            // From the innermost loop out, as many as have the dimension's size; of the last one perhaps a part.
            while *size > 1 {
                let Stride { count, step } = rest.pop()?;
                let taken = count.min(*size);
                if !count.is_multiple_of(taken) || !size.is_multiple_of(taken) {
                    return None;
                }
                dim.insert(0, Stride { count: taken, step });
                rest.extend((count > taken).then(|| Stride { count: count / taken, step: step * taken }));
                *size /= taken;
            }
        }
        Some(Self { first: self.first, dims: dims.map(|(_, dim)| joined(dim)) })
    }

    /// The loops that copy a map in which the channels are in order.
    pub fn loops(&self, map: &Map) -> Vec<Loop> {
        let steps = [1, map.w * map.pitch(), map.pitch()];
        let mut loops: Vec<Loop> = Vec::new();
        for (dim, step) in self.dims.iter().zip(steps) {
            let inner = |at: usize| dim[at + 1..].iter().map(|inner| inner.count).product::<usize>();
            loops.extend(dim.iter().enumerate().map(|(at, outer)| Loop {
                count: outer.count,
                src: step * inner(at),
                dst: outer.step,
            }));
        }
        // The output is written in its own order.
        loops.sort_by_key(|each| std::cmp::Reverse(each.dst));
        let mut merged: Vec<Loop> = Vec::new();
        for next in loops {
            match merged.last_mut() {
                Some(last) if (last.src, last.dst) == (next.count * next.src, next.count * next.dst) => {
                    *last = Loop { count: last.count * next.count, ..next };
                }
                _ => merged.push(next),
            }
        }
        merged
    }
}

/// The same loops with those of one iteration left out, and with those joined that go on where the inner one ends.
fn joined(loops: Vec<Stride>) -> Vec<Stride> {
    let mut joined: Vec<Stride> = Vec::new();
    for next in loops.into_iter().filter(|next| next.count != 1) {
        match joined.last_mut() {
            Some(last) if last.step == next.count * next.step => *last = Stride { count: last.count * next.count, ..next },
            _ => joined.push(next),
        }
    }
    joined
}

/// Which nodes can only be in a tail: those that move values or follow one that does. `inputs` is what each node reads.
pub(super) fn movers(network: &Network, inputs: &[Vec<NodeId>]) -> Vec<bool> {
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

/// The error that a layer reads a node that can only be in a tail.
pub(super) fn refused(node: &Node, reader: &Node) -> NormalizeError {
    let what = match node.op {
        Op::Softmax { .. } => "a softmax",
        Op::Transpose(_) => "what was transposed",
        Op::Reshape(_) => "what was reshaped",
        _ => "a concatenation of what was moved",
    };
    let help = format!(
        "'{0}' reads it, but {what} can only be read by transpositions, reshapings, softmaxes and concatenations on the way to an \
         output; put '{0}' in front of it, or return its input",
        line(&reader.name)
    );
    NormalizeError::Unsupported { node: node.name.clone(), help }
}

/// Walks from outputs back to the values that layers compute.
pub(super) struct Walk<'a> {
    pub network: &'a Network,
    /// What each node reads.
    pub inputs: &'a [Vec<NodeId>],
    /// Which nodes are in tails.
    pub moves: &'a [bool],
}

impl Walk<'_> {
    /// The tail of an output.
    pub fn tail(&self, node: NodeId) -> Result<Tail, NormalizeError> {
        let mut tail = Tail { node, pieces: Vec::new(), softmaxes: Vec::new() };
        self.back(node, View::whole(self.network.node(node).shape), &mut tail)?;
        // The last softmax was found first.
        tail.softmaxes.reverse();
        Ok(tail)
    }

    fn back(&self, id: NodeId, view: View, tail: &mut Tail) -> Result<(), NormalizeError> {
        let inputs = &self.inputs[id.0];
        match self.network.node(id).op {
            Op::Softmax { log } => {
                let row = match view.dims[0][..] {
                    [] => Stride { count: 1, step: 0 },
                    [row] => row,
                    _ => return Err(self.scattered(id)),
                };
                let rows = joined([&view.dims[1][..], &view.dims[2]].concat());
                tail.softmaxes.push(Softmax { log, first: view.first, row, rows });
                self.back(inputs[0], view, tail)
            }
            Op::Transpose(order) => {
                let mut before = view.clone();
                order.iter().zip(view.dims).for_each(|(&from, dim)| before.dims[from] = dim);
                self.back(inputs[0], before, tail)
            }
            Op::Reshape(_) => {
                let before = view.reshaped(self.network.node(inputs[0]).shape).ok_or_else(|| self.scattered(id))?;
                self.back(inputs[0], before, tail)
            }
            Op::Concat if self.moves[id.0] => {
                let mut begin = 0;
                for &input in inputs {
                    let len = self.network.node(input).shape.c;
                    let part = view.channels(begin, len).ok_or_else(|| self.scattered(id))?;
                    self.back(input, part, tail)?;
                    begin += len;
                }
                Ok(())
            }
            _ => {
                tail.pieces.push((id, view));
                Ok(())
            }
        }
    }

    fn scattered(&self, id: NodeId) -> NormalizeError {
        NormalizeError::Unsupported {
            node: self.network.node(id).name.clone(),
            help:
                "what follows it scatters its channels over the output at no constant distance: return it before it is reshaped"
                    .into(),
        }
    }
}
