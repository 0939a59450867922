//! The verdict on one layer.

use super::distance::Distance;

/// How one layer of a program, or one of its outputs, compares with the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The layer's name.
    pub name: String,
    /// The layer's problem, in one line.
    pub problem: String,
    /// The kernel's name.
    pub kernel: String,
    /// The distance of what it wrote from what the exact operator makes of what it read.
    pub layer: Distance,
    /// The distance of what it wrote from the exact value of the network's node.
    pub network: Distance,
    /// What else is wrong: a lane that should be zero or keep its value, and does not; or an output that depends on the threads.
    pub fault: Option<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.layer.holds() && self.network.holds() && self.fault.is_none()
    }

    /// Combines two verdicts on the same layer: the worse one stays.
    pub(super) fn join(&mut self, other: Self) {
        self.layer = self.layer.larger(other.layer);
        self.network = self.network.larger(other.network);
        self.fault = self.fault.take().or(other.fault);
    }
}
