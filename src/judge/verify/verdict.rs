//! What is said of one layer.

use super::distance::Distance;

/// How one layer of a compiled program, or one of its outputs, compares with the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The layer's name.
    pub name: String,
    /// Its problem in one line.
    pub problem: String,
    /// The kernel's name.
    pub kernel: String,
    /// What it wrote, from what it should have made of what it read.
    pub layer: Distance,
    /// What it wrote, from the value of the network's node.
    pub network: Distance,
    /// What else is wrong: a lane that should be zero, or keep its value, and does not; an output that depends on the threads.
    pub fault: Option<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.layer.holds() && self.network.holds() && self.fault.is_none()
    }

    /// Takes the worse of two verdicts on the same layer.
    pub(super) fn join(&mut self, other: Self) {
        self.layer = self.layer.larger(other.layer);
        self.network = self.network.larger(other.network);
        self.fault = self.fault.take().or(other.fault);
    }
}
