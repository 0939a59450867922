//! Sartor cuts a program to measure for a light convolutional network.

pub mod bench;
mod build;
pub mod cache;
pub mod caches;
pub mod engine;
pub mod explain;
pub mod export;
mod generate;
pub mod image;
pub mod labels;
mod made;
mod model;
pub mod npy;
pub mod observe;
pub mod output;
pub mod private;
pub mod process;
pub mod sweep;
pub mod tune;
pub mod verify;

pub use build::{BuildError, without_settings};
pub use generate::{GenerateError, Kind, PackageError, Plan, PlannedLayer, PlannedStage};
pub use made::MANIFEST;
pub use model::{CompileError, CompileOptions, Compiled, Model, compile, plan};
pub use sartor_codegen as codegen;
pub use sartor_kernels as kernels;
pub use sartor_kernels::runtime::{Level, Session};
pub use sartor_models as models;
pub use sartor_models::{Network, Weights};

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
