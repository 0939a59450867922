//! Weights: named tensors in memory, in safetensors files, and drawn at random.

mod check;
mod classes;
mod file_kind;
mod header;
mod list;
mod load;
mod naming;
mod prefix;
mod problem;
mod random;
#[cfg(feature = "save")]
mod save;
mod tensors;
mod values;

pub use file_kind::FileKind;
pub use list::list;
pub use load::{LoadError, LoadOptions, Loaded};
pub use problem::Problem;
#[cfg(feature = "save")]
pub use save::SaveError;
pub use tensors::{Tensor, Weights};
