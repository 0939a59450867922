//! What became of a file's nodes and tensors in the network.

use std::collections::HashMap;
use std::ops::Range;

use super::inputs::Port;
use super::value::Value;
use crate::graph::{Network, NodeId};
use crate::proto;

/// What became of a tensor of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is known without running: a weight, or what follows from weights and shapes.
    Constant,
    /// It lies in the map of a node, as the port says.
    Map(NodeId, Port),
    /// It vanished: a node of the network computes what it led to in one step.
    Fused(NodeId),
    /// Nothing that the network returns depends on it.
    Unused,
}

/// A node of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNode {
    /// Its name; that of its first output if it has none.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// Its outputs that have names.
    pub outputs: Vec<(String, Fate)>,
    /// The nodes of the network that were made for it and are left.
    pub made: Vec<NodeId>,
}

impl FileNode {
    /// Whether it only sees in another way what another node computes.
    pub fn is_view(&self) -> bool {
        self.made.is_empty() && self.outputs.iter().any(|(_, fate)| matches!(fate, Fate::Map(..)))
    }
}

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The inputs.
    pub inputs: Vec<(String, Fate)>,
    /// The names of the weights.
    pub weights: Vec<String>,
    /// The nodes, in the file's order.
    pub nodes: Vec<FileNode>,
}

/// The name of a node in messages: its own, or that of its first output.
pub(super) fn name(node: &proto::Node) -> &str {
    node.name.as_deref().filter(|name| !name.is_empty()).or(node.output.first().map(String::as_str)).unwrap_or("")
}

/// The fate of a tensor that was just translated.
fn fate(name: &str, value: &Value, network: impl Fn(NodeId) -> crate::graph::Shape) -> Fate {
    match value {
        Value::Constant(_) => Fate::Constant,
        Value::Computed(computed) => {
            let port = Port { name: name.into(), shape: network(computed.node), view: computed.view.clone() };
            Fate::Map(computed.node, port)
        }
        Value::Condition(condition) => Fate::Fused(condition.tensor().node),
        Value::Absent | Value::Refused => Fate::Unused,
    }
}

/// The three names that are most like one, the most alike first.
pub fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let start = |text: &str| text.chars().take(LONGEST_LIKENESS).collect::<String>();
    let wanted = start(name);
    let mut all: Vec<(f64, &str)> = names.map(|other| (strsim::jaro_winkler(&start(other), &wanted), other)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Characters of names that are compared: comparing takes the square of their number.
const LONGEST_LIKENESS: usize = 200;

impl Trace {
    /// Notes a node that was translated to the nodes `made` of the network.
    pub(super) fn note(
        &mut self,
        node: &proto::Node,
        values: &HashMap<String, Value>,
        made: Range<usize>,
        shape: impl Fn(NodeId) -> crate::graph::Shape,
    ) {
        let named = node.output.iter().filter(|output| !output.is_empty());
        let fate = |output: &String| Some((output.clone(), fate(output, values.get(output)?, &shape)));
        self.nodes.push(FileNode {
            name: name(node).into(),
            operator: node.op_type().into(),
            outputs: named.filter_map(fate).collect(),
            made: made.map(NodeId).collect(),
        });
    }

    /// All tensors that have a fate: inputs, and outputs of nodes.
    pub fn tensors(&self) -> impl Iterator<Item = &(String, Fate)> {
        self.inputs.iter().chain(self.nodes.iter().flat_map(|node| &node.outputs))
    }

    /// What became of a tensor; `None` if the file has no such tensor.
    pub fn fate(&self, tensor: &str) -> Option<&Fate> {
        let found = self.tensors().find(|(name, _)| name == tensor).map(|(_, fate)| fate);
        found.or_else(|| self.weights.iter().any(|name| name == tensor).then_some(&Fate::Constant))
    }

    /// The names of tensors that are most like this one, the most alike first.
    pub fn near(&self, tensor: &str) -> Vec<&str> {
        near(tensor, self.tensors().map(|(name, _)| name.as_str()).chain(self.weights.iter().map(String::as_str)))
    }

    /// The same trace after the network's nodes have become others.
    pub(super) fn moved(mut self, became: &[NodeId]) -> Self {
        let fates = self.inputs.iter_mut().chain(self.nodes.iter_mut().flat_map(|node| &mut node.outputs));
        for (_, fate) in fates {
            if let Fate::Map(node, _) | Fate::Fused(node) = fate {
                *node = became[node.0];
            }
        }
        self.nodes.iter_mut().flat_map(|node| &mut node.made).for_each(|node| *node = became[node.0]);
        self
    }

    /// The same trace after some nodes of `before` were dropped: `kept` says what the others became, and `more` what else was made for a
    /// node.
    pub(super) fn renumbered<I: Iterator<Item = NodeId>>(
        mut self,
        before: &Network,
        kept: &[Option<NodeId>],
        more: impl Fn(NodeId) -> I,
    ) -> Self {
        // A node that is gone was read by one that now does its work too, or by others that are gone.
        let mut into: Vec<Option<NodeId>> = kept.to_vec();
        for id in (0..kept.len()).rev() {
            for input in &before.node(NodeId(id)).inputs {
                if kept[input.0].is_none() && into[id].is_some() {
                    into[input.0] = into[id];
                }
            }
        }
        let fates = self.inputs.iter_mut().chain(self.nodes.iter_mut().flat_map(|node| &mut node.outputs));
        for (_, fate) in fates {
            if let Fate::Map(node, port) = fate {
                *fate = match (kept[node.0], into[node.0]) {
                    (Some(node), _) => Fate::Map(node, port.clone()),
                    (None, Some(node)) => Fate::Fused(node),
                    (None, None) => Fate::Unused,
                };
            }
        }
        for node in &mut self.nodes {
            node.made = node.made.iter().flat_map(|&id| more(id).chain(kept[id.0])).collect();
        }
        self
    }
}
