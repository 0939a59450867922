//! Named tensors: in memory, in safetensors files, and at random.

mod check;
mod classes;
mod header;
mod kind;
mod list;
mod load;
mod naming;
mod prefix;
mod problem;
mod random;
mod save;
mod tensors;
mod values;

pub use kind::Kind;
pub use list::list;
pub use load::{LoadError, LoadOptions, Loaded};
pub use problem::Problem;
pub use save::SaveError;
pub use tensors::{Tensor, Weights};
