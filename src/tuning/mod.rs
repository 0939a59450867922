//! Tunings: how measuring chose to compute the layers of networks, and on which machines.

mod file;
mod tunings;

pub use file::{TuningFileError, load, load_own, save};
pub use sartor_codegen::tunings::{MachineTuning, TunedProblem, TuningFile, cpu_caches};
pub use tunings::{Tunings, default_path};
