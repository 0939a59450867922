//! Tunings as they are kept: what measuring chose, by level and by the caches of the machine, and what is shipped.

pub mod cpu_caches;
mod file;

pub use file::{MachineTuning, TunedProblem, TuningFile, choices};
