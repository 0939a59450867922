//! Conditions that follow from shapes: the nodes of the branch that counts stand where the condition is.

use std::collections::HashMap;

use super::super::constant::Constant;
use super::super::node::{NodeReader, Result};
use super::super::trace::Trace;
use super::super::value::Value;
use super::refusals::Refusals;
use super::translator::Translator;
use crate::proto;

/// What is translated here.
pub const OPERATORS: &[&str] = &["If"];

/// A condition that is no constant.
pub fn translate(_: &mut Translator, _: &NodeReader<'_>) -> Result<Vec<Value>> {
    Err("its condition is computed by the network, and must follow from weights and shapes".into())
}

impl Translator {
    /// Translates or folds nodes in their order, and those of branches in place of their conditions.
    pub(super) fn nodes(
        &mut self,
        nodes: &[proto::Node],
        types: &HashMap<String, i32>,
        values: &mut HashMap<String, Value>,
        refusals: &mut Refusals,
        trace: &mut Trace,
    ) {
        for node in nodes {
            let before = self.builder.len();
            match condition(node, values) {
                Some(holds) => {
                    if let Err(reason) = self.branch(node, holds, types, values, refusals, trace) {
                        refusals.add(node, reason);
                    }
                    trace.note(node, values, before..before, |id| self.builder.shape(id));
                }
                None => {
                    self.node(node, types, values, refusals);
                    trace.note(node, values, before..self.builder.len(), |id| self.builder.shape(id));
                }
            }
        }
    }

    /// Translates one branch. Its names hold within it only; what it gives is called as the outputs of the condition are.
    fn branch(
        &mut self,
        node: &proto::Node,
        holds: bool,
        types: &HashMap<String, i32>,
        values: &mut HashMap<String, Value>,
        refusals: &mut Refusals,
        trace: &mut Trace,
    ) -> Result<()> {
        let name = if holds { "then_branch" } else { "else_branch" };
        let graph = node.attribute.iter().find(|attribute| attribute.name() == name).and_then(|attribute| attribute.g.as_deref());
        let graph = graph.ok_or_else(|| format!("{name} is missing"))?;
        let mut own: Vec<String> = graph.node.iter().flat_map(|node| node.output.iter().cloned()).collect();
        own.extend(graph.initializer.iter().map(|tensor| tensor.name().to_owned()));
        own.retain(|name| !name.is_empty());
        if let Some(name) = own.iter().find(|name| values.contains_key(*name)) {
            return Err(format!("{name} is computed outside of it too"));
        }
        for tensor in &graph.initializer {
            if tensor.data_location() == proto::Tensor::EXTERNAL {
                return Err("a tensor of its branch lies in another file; save the model with its constants inside".into());
            }
            values.insert(tensor.name().to_owned(), Constant::read(tensor, None)?.into());
        }
        self.nodes(&graph.node, types, values, refusals, trace);
        let results: Vec<Value> =
            graph.output.iter().map(|info| values.get(info.name()).cloned().unwrap_or(Value::Refused)).collect();
        for name in &own {
            values.remove(name);
        }
        for (output, value) in node.output.iter().zip(results).filter(|(output, _)| !output.is_empty()) {
            if values.insert(output.clone(), value).is_some() {
                return Err(format!("another node computes '{output}' too"));
            }
        }
        Ok(())
    }
}

/// Whether the condition of a node holds, if it is one that is known.
fn condition(node: &proto::Node, values: &HashMap<String, Value>) -> Option<bool> {
    let is_own = node.op_type() == "If" && matches!(node.domain(), "" | "ai.onnx");
    match values.get(node.input.first().filter(|_| is_own)?)? {
        Value::Constant(constant) if constant.data.len() == 1 => Some(constant.data.to_integers() != [0]),
        _ => None,
    }
}
