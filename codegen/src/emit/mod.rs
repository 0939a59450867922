//! Prints plans as a Rust crate: one file for each level, the packed weights, the vendored runtime. The same input gives the same
//! bytes, and the text is as rustfmt would leave it.

mod array;
mod c;
mod files;
mod fill;
mod foreign;
mod inputs;
mod kernel;
mod kind;
mod level;
mod library;
mod model;
mod package;
mod pictures;
mod pool;
mod prelude;
mod python;
mod roll;
mod stage;
mod text;
mod together;
mod words;

use sartor_kernels::runtime::Level;

use crate::ir::kernel::Kernel;

pub use files::files;
pub(crate) use inputs::check as check_inputs;
pub use inputs::{Input, InputsError};
pub use kind::Kind;
pub use package::{Package, PackageError, is_keyword};
pub use pictures::Pictures;
pub(crate) use together::print as together;
pub use together::symbol;

/// The text of kernels alone, as it is in a program, for callers that use them one by one. Names must be distinct. Nothing is
/// proven of the kernels: their functions are `unsafe`, and the caller vouches for the buffers.
pub fn kernels(level: Level, kernels: &[Kernel]) -> String {
    level::print_kernels(level, kernels)
}
