//! What was measured before, for which machine.

pub mod cpu_caches;
mod file;
mod tunings;

pub use file::{MachineTuning, TunedProblem, TuningFile, TuningFileError};
pub use tunings::{Tunings, default_path};
