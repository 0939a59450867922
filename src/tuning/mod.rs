//! What was measured before, for which machine.

pub mod cpu_caches;
mod file;
mod tunings;

pub use file::{Entry, File, FileError, Machine};
pub use tunings::{Tunings, default_path};
