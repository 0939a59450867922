//! Tunings: how measuring chose to compute the layers of networks, and on which machines.

pub mod cpu_caches;
mod file;
mod tunings;

pub use file::{MachineTuning, TunedProblem, TuningFile, TuningFileError};
pub use tunings::{Tunings, default_path};
