//! Compiling a network: to a crate in a folder, or to a library that is loaded into this process.

mod archive;
mod c_packages;
mod cache;
mod crate_folder;
mod delivered;
mod error;
mod generate;
pub mod in_plan;
mod load;
mod model;
mod options;
mod planned;
mod rustc;
mod target;
mod wheel;

pub use crate_folder::{Compiled, compile};
pub use error::CompileError;
pub use generate::plan;
pub use model::Model;
pub use options::CompileOptions;
pub use planned::{Planned, PlannedLayer, PlannedStage};
pub use rustc::{BuildError, without_settings};
pub use sartor_codegen::compile::{GenerateError, Input, Kind, PackageError};
pub use target::{Glibc, Target, TargetError};

pub(crate) use generate::Generated;
pub(crate) use load::load;
pub(crate) use rustc::build;
