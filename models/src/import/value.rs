//! What a name of the file stands for.

use std::rc::Rc;

use super::constant::Constant;
use super::view::View;
use crate::graph::NodeId;

/// A tensor of the file.
#[derive(Clone, Debug)]
pub enum Value {
    /// An input or output that was left out.
    Absent,
    /// A tensor whose elements are known.
    Constant(Rc<Constant>),
    /// A tensor that the network computes.
    Computed(Computed),
    /// What a node gives that was refused.
    Refused,
}

/// A tensor that the network computes: a map, and how the tensor's dimensions lie in it.
#[derive(Clone, Debug)]
pub struct Computed {
    /// The node that computes the map.
    pub node: NodeId,
    /// The tensor's dimensions.
    pub view: View,
}

impl From<Constant> for Value {
    fn from(constant: Constant) -> Self {
        Self::Constant(Rc::new(constant))
    }
}

impl Value {
    /// The dimensions, if there are any.
    pub fn dims(&self) -> Option<Vec<usize>> {
        match self {
            Self::Constant(constant) => Some(constant.dims.clone()),
            Self::Computed(computed) => Some(computed.view.sizes()),
            Self::Absent | Self::Refused => None,
        }
    }
}
