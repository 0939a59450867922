//! What nodes were refused for.

use std::collections::HashMap;

use super::super::error::Refusal;
use super::super::trace;
use crate::proto;

/// What nodes were refused for, and what helps to go on behind them.
pub struct Refusals {
    /// What was refused.
    pub found: Vec<Refusal>,
    /// The dimensions that the file declares for floats between its nodes.
    pub declared: HashMap<String, Vec<usize>>,
}

impl Refusals {
    /// Notes why a node is refused.
    pub fn add(&mut self, node: &proto::Node, reason: String) {
        let (node, operator) = (trace::name(node).into(), node.op_type().into());
        self.found.push(Refusal { node, operator, reason });
    }
}
