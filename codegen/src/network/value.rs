//! Where values of the network's nodes are.

use sartor_models::NodeId;

use crate::layout::MapId;

/// Where the value of a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The node of the network.
    pub node: NodeId,
    /// The map that holds it.
    pub map: MapId,
    /// `lanes[c]` holds channel `c`.
    pub lanes: Vec<usize>,
}

impl Value {
    /// The lane of the first channel, if the lanes of the others follow it in order.
    pub fn run(&self) -> Option<usize> {
        let first = *self.lanes.first()?;
        self.lanes.iter().enumerate().all(|(c, &lane)| lane == first + c).then_some(first)
    }
}
