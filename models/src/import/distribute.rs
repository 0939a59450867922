//! Takes batch norms and activations that follow a concatenation to its operands: `f(concat(a, b))` becomes `concat(f(a), f(b))`.
//!
//! Where the operands are convolutions that nothing else reads, the functions are then fused into them, and cost no pass over the map.
//! MixNet is made of such concatenations.

use std::collections::{HashMap, HashSet};

use super::imported::Imported;
use crate::escape::LONGEST;
use crate::graph::{Builder, GraphError, Network, NodeId, Op};
use crate::weights::{Tensor, Weights};

/// The same network, in which no function is left behind a concatenation of convolutions.
pub(super) fn distribute(imported: Imported) -> Result<Imported, GraphError> {
    let Imported { network, weights, interface, random, trace } = imported;
    let readers = Readers::of(&network);
    let chains: Vec<Vec<NodeId>> = network.ids().map(|id| readers.chain(&network, id)).collect();
    if chains.iter().all(Vec::is_empty) {
        return Ok(Imported { network, weights, interface, random, trace });
    }
    let mut names: HashSet<String> = network.nodes().iter().map(|node| node.name.clone()).collect();
    let mut builder = Builder::new(network.name.clone(), network.input_shape())?;
    let mut kept = Weights::default();
    // What each node became. A concatenation that was moved behind its functions has the place of the last of them.
    let mut became: Vec<Option<NodeId>> = vec![None; network.nodes().len()];
    became[0] = Some(builder.input());
    let mut made_for: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    let moved: HashSet<NodeId> = chains.iter().flatten().copied().collect();
    for id in network.ids().skip(1).filter(|id| !moved.contains(id)) {
        let node = network.node(id);
        let mut inputs: Vec<NodeId> = node.inputs.iter().map(|input| became[input.0].expect("it comes before")).collect();
        let Some(&last) = chains[id.0].last() else {
            became[id.0] = Some(builder.add(node.name.clone(), node.op, &inputs)?);
            for param in network.params_of(id) {
                if let Some(tensor) = weights.get(&param.name) {
                    kept.insert(param.name, Tensor::clone(tensor));
                }
            }
            continue;
        };
        for &function in &chains[id.0] {
            let mut first = 0;
            let mut parts = Vec::new();
            for (i, input) in inputs.iter_mut().enumerate() {
                let (name, c) = (free_name(&mut names, &network.node(function).name, i), builder.shape(*input).c);
                *input = builder.add(name.clone(), network.node(function).op, &[*input])?;
                slice_params(&network, &weights, function, &name, first..first + c, &mut kept);
                parts.push(*input);
                first += c;
            }
            made_for.insert(function, parts);
        }
        became[last.0] = Some(builder.add(network.node(last).name.clone(), Op::Concat, &inputs)?);
    }
    let outputs: Vec<NodeId> = network.outputs().iter().map(|output| became[output.0].expect("outputs stay")).collect();
    let distributed = builder.finish(&outputs)?;
    let made = |id: NodeId| made_for.get(&id).into_iter().flatten().copied();
    let trace = trace.renumbered(&network, &became, made);
    Ok(Imported { network: distributed, weights: kept, interface, random, trace })
}

/// How often each node is read, and by whom last. The network's outputs are read once more.
struct Readers(Vec<(usize, Option<NodeId>)>);

impl Readers {
    fn of(network: &Network) -> Self {
        let mut readers = vec![(0, None); network.nodes().len()];
        for id in network.ids() {
            for input in &network.node(id).inputs {
                readers[input.0] = (readers[input.0].0 + 1, Some(id));
            }
        }
        network.outputs().iter().for_each(|output| readers[output.0].0 += 1);
        Self(readers)
    }

    /// The only reader of a node.
    fn only(&self, id: NodeId) -> Option<NodeId> {
        let (count, reader) = self.0[id.0];
        reader.filter(|_| count == 1)
    }

    /// The functions that follow a concatenation of convolutions which nothing else reads.
    fn chain(&self, network: &Network, id: NodeId) -> Vec<NodeId> {
        let node = network.node(id);
        let is_conv = |&input: &NodeId| matches!(network.node(input).op, Op::Conv2d(_)) && self.only(input) == Some(id);
        if !matches!(node.op, Op::Concat) || !node.inputs.iter().all(is_conv) {
            return Vec::new();
        }
        let is_function = |id: &NodeId| matches!(network.node(*id).op, Op::BatchNorm { .. } | Op::Activation(_));
        let mut chain: Vec<NodeId> = std::iter::successors(Some(id), |&id| self.only(id).filter(is_function)).skip(1).collect();
        // One batch norm and one activation are fused into a convolution.
        let norms = chain.iter().take_while(|id| matches!(network.node(**id).op, Op::BatchNorm { .. })).count();
        chain.truncate(norms + 1);
        chain
    }
}

/// A name for the part of a node that operand `i` gets.
fn free_name(names: &mut HashSet<String>, node: &str, i: usize) -> String {
    let node = if node.len() < LONGEST - 32 { node } else { "part" };
    let name =
        (0..).map(|n| format!("{node}.{i}{}", "_".repeat(n))).find(|name| !names.contains(name)).expect("names are endless");
    names.insert(name.clone());
    name
}

/// Gives the node `name` the channels `part` of a node's parameters.
fn slice_params(
    network: &Network,
    weights: &Weights,
    node: NodeId,
    name: &str,
    part: std::ops::Range<usize>,
    kept: &mut Weights,
) {
    for param in network.params_of(node) {
        let suffix = param.name.strip_prefix(&network.node(node).name).unwrap_or(&param.name);
        if let Some(tensor) = weights.get(&param.name) {
            kept.insert(format!("{name}{suffix}"), Tensor::new(vec![part.len()], tensor.data()[part.clone()].to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Activation, Conv2d, Shape, Window};
    use crate::import::inputs::Interface;
    use crate::import::trace::Trace;

    fn conv(builder: &mut Builder, name: &str, oc: usize, x: NodeId) -> NodeId {
        builder.add(name, Op::Conv2d(Conv2d { oc, groups: 1, bias: false, window: Window::POINT }), &[x]).unwrap()
    }

    /// The operators of the nodes and what they read, after the functions were distributed.
    fn distributed(network: Network) -> (Vec<String>, Imported) {
        let weights = Weights::random(&network, 1);
        let interface = Interface { inputs: Vec::new(), outputs: Vec::new() };
        let imported = distribute(Imported { network, weights, interface, random: false, trace: Trace::default() }).unwrap();
        let line = |id| {
            let node = imported.network.node(id);
            let inputs: Vec<&str> = node.inputs.iter().map(|input| imported.network.node(*input).name.as_str()).collect();
            format!("{}({})", node.name, inputs.join(", "))
        };
        (imported.network.ids().skip(1).map(line).collect(), imported)
    }

    #[test]
    fn functions_of_convolutions_side_by_side_are_theirs() {
        let mut builder = Builder::new("test", Shape::new(3, 4, 4)).unwrap();
        let x = builder.input();
        let (a, b) = (conv(&mut builder, "a", 5, x), conv(&mut builder, "b", 2, x));
        let both = builder.add("both", Op::Concat, &[a, b]).unwrap();
        let norm = builder.add("norm", Op::BatchNorm { eps: 1e-5 }, &[both]).unwrap();
        let act = builder.add("act", Op::Activation(Activation::Silu), &[norm]).unwrap();
        let last = conv(&mut builder, "last", 4, act);
        let network = builder.finish(&[last]).unwrap();
        let whole = Weights::random(&network, 1);
        let (lines, Imported { weights, .. }) = distributed(network);
        let expected = [
            "a(input)",
            "b(input)",
            "norm.0(a)",
            "norm.1(b)",
            "act.0(norm.0)",
            "act.1(norm.1)",
            "act(act.0, act.1)",
            "last(act)",
        ];
        assert_eq!(lines, expected);
        let bias = |weights: &Weights, name: &str| weights.get(name).unwrap().data().to_vec();
        assert_eq!([bias(&weights, "norm.0.bias"), bias(&weights, "norm.1.bias")].concat(), bias(&whole, "norm.bias"));
        assert_eq!(bias(&weights, "last.weight"), bias(&whole, "last.weight"));
        assert!(weights.get("norm.bias").is_none());
    }

    #[test]
    fn what_something_else_reads_stays() {
        for read in ["conv", "concat"] {
            let mut builder = Builder::new("test", Shape::new(3, 4, 4)).unwrap();
            let x = builder.input();
            let (a, b) = (conv(&mut builder, "a", 5, x), conv(&mut builder, "b", 2, x));
            let both = builder.add("both", Op::Concat, &[a, b]).unwrap();
            let act = builder.add("act", Op::Activation(Activation::Relu), &[both]).unwrap();
            let network = builder.finish(&[act, if read == "conv" { a } else { both }]).unwrap();
            assert_eq!(distributed(network).0, ["a(input)", "b(input)", "both(a, b)", "act(both)"], "{read}");
        }
    }
}
