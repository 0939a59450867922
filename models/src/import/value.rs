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
    /// A comparison: booleans.
    Condition(Condition),
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

/// Booleans that the network computes.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A comparison with numbers. A choice by it may be a function.
    Numbers(Comparison),
    /// Any other, as ones and zeros.
    Mask(Computed),
}

impl Condition {
    /// The tensor that is compared, or the ones and zeros. It has as many elements as there are booleans.
    pub fn tensor(&self) -> &Computed {
        match self {
            Self::Numbers(comparison) => &comparison.x,
            Self::Mask(mask) => mask,
        }
    }
}

/// A comparison of what the network computes with numbers.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What is compared.
    pub x: Computed,
    /// Where it must be.
    pub region: Region,
    /// Whether it may be NaN too.
    pub nan: bool,
}

impl Comparison {
    /// The opposite.
    pub fn others(&self) -> Self {
        Self { x: self.x.clone(), region: self.region.others(), nan: !self.nan }
    }
}

/// A part of all numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    /// Above a number.
    Above(f32),
    /// At most a number.
    UpTo(f32),
    /// At most the first or above the second.
    Outside(f32, f32),
    /// Above the first and at most the second.
    Between(f32, f32),
}

impl Region {
    /// All other numbers.
    pub fn others(self) -> Self {
        match self {
            Self::Above(limit) => Self::UpTo(limit),
            Self::UpTo(limit) => Self::Above(limit),
            Self::Outside(low, high) => Self::Between(low, high),
            Self::Between(low, high) => Self::Outside(low, high),
        }
    }

    /// Both parts together, if they are one part below and one above.
    pub fn or(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::UpTo(low), Self::Above(high)) | (Self::Above(high), Self::UpTo(low)) if low < high => {
                Some(Self::Outside(low, high))
            }
            _ => None,
        }
    }
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
            Self::Condition(condition) => Some(condition.tensor().view.sizes()),
            Self::Absent | Self::Refused => None,
        }
    }
}
