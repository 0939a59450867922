//! Sartor cuts a program to measure for a light convolutional network.

pub mod compile;
pub mod data;
pub mod files;
pub mod judge;
pub mod measure;
pub mod tuning;

pub use compile::generate::{GenerateError, Kind, PackageError, Plan, PlannedLayer, PlannedStage};
pub use compile::model::{CompileError, CompileOptions, Compiled, Model, compile, plan};
pub use compile::rustc::{BuildError, without_settings};
pub use files::manifest::MANIFEST;
pub use judge::verify::verify;
pub use sartor_codegen as codegen;
pub use sartor_kernels as kernels;
pub use sartor_kernels::runtime::{Level, Session};
pub use sartor_models as models;
pub use sartor_models::{Network, Weights};
pub use tuning::Tunings;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
