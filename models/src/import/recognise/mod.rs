//! Finds operators that exporters spell out in several nodes.
//!
//! Each pattern looks at one node and what it reads, and says which operator of which values it is. All patterns are tried at all
//! nodes, until none finds anything. What nothing reads any more is dropped.

mod matcher;
mod patterns;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use super::imported::Imported;
use super::trace::Trace;
use crate::graph::{Builder, GraphError, Network, NodeId, Op};
use crate::weights::{Tensor, Weights};
use matcher::Matcher;

/// The same network with fewer nodes. Nodes have the names of the file's nodes, and outputs those of the file's outputs, where these are free.
pub(super) fn recognise(imported: Imported) -> Result<Imported, GraphError> {
    let Imported { network, weights, interface, random, trace } = imported;
    let mut matcher = Matcher::new(&network, &weights);
    // A rewritten node reads nodes before it, so one pass over all nodes sees every spelling; a second sees those within others.
    while matcher.ids().any(|id| patterns::ALL.iter().any(|pattern| matcher.rewrite(id, pattern.find))) {}
    let names = names(&network, &trace, &interface.outputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>());
    let (rebuilt, weights, kept) = rebuilt(&network, &weights, &matcher, &names)?;
    Ok(Imported {
        network: rebuilt,
        weights,
        interface,
        random,
        trace: trace.renumbered(&network, &kept, |_| std::iter::empty()),
    })
}

/// The names of all nodes: those of outputs are the file's, if no other node has them. The others are called by the node of the file
/// instead of by its first output.
fn names(network: &Network, trace: &Trace, outputs: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = network.nodes().iter().map(|node| node.name.clone()).collect();
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    for node in &trace.nodes {
        let Some((tensor, _)) = node.outputs.first().filter(|(tensor, _)| *tensor != node.name) else { continue };
        for id in &node.made {
            let Some(suffix) = names[id.0].strip_prefix(tensor.as_str()) else { continue };
            let name = format!("{}{suffix}", node.name);
            if name.len() <= crate::escape::LONGEST && taken.insert(name.clone()) {
                taken.remove(&std::mem::replace(&mut names[id.0], name));
            }
        }
    }
    for (id, name) in network.outputs().iter().zip(outputs) {
        if id.0 != 0 && !name.is_empty() && !outputs.contains(&names[id.0].as_str()) && taken.insert((*name).into()) {
            names[id.0] = (*name).into();
        }
    }
    names
}

/// The network of the nodes that outputs still depend on, and what each node became.
fn rebuilt(
    network: &Network,
    weights: &Weights,
    matcher: &Matcher<'_>,
    names: &[String],
) -> Result<(Network, Weights, Vec<Option<NodeId>>), GraphError> {
    let count = network.nodes().len();
    let mut live = vec![false; count];
    live[0] = true;
    network.outputs().iter().for_each(|output| live[output.0] = true);
    for id in (0..count).rev().filter(|&id| id > 0) {
        if live[id] {
            matcher.inputs(NodeId(id)).iter().for_each(|input| live[input.0] = true);
        }
    }
    let mut builder = Builder::new(network.name.clone(), network.input_shape())?;
    let mut kept = Weights::default();
    let mut ids = vec![NodeId(0); count];
    for id in (1..count).filter(|&id| live[id]) {
        let inputs: Vec<NodeId> = matcher.inputs(NodeId(id)).iter().map(|input| ids[input.0]).collect();
        ids[id] = builder.add(names[id].clone(), matcher.op(NodeId(id)), &inputs)?;
        // Patterns find operators without parameters, but for convolutions, which keep theirs.
        let is_conv = |op: Op| matches!(op, Op::Conv2d(_));
        if matcher.is_rewritten(NodeId(id)) && !(is_conv(matcher.op(NodeId(id))) && is_conv(network.node(NodeId(id)).op)) {
            continue;
        }
        for param in network.params_of(NodeId(id)) {
            let suffix = param.name.strip_prefix(&network.node(NodeId(id)).name).unwrap_or(&param.name);
            if let Some(tensor) = weights.get(&param.name) {
                kept.insert(format!("{}{suffix}", names[id]), Tensor::clone(tensor));
            }
        }
    }
    let outputs: Vec<NodeId> = network.outputs().iter().map(|output| ids[output.0]).collect();
    let became = ids.into_iter().zip(live).map(|(id, live)| live.then_some(id)).collect();
    Ok((builder.finish(&outputs)?, kept, became))
}
