//! Sartor compiles light convolutional networks into programs made for them alone.
//!
//! [`compile()`] writes a network as a crate; [`Model`] compiles it and loads it into this process; [`verify()`] compares the
//! program with an f64 reference. The rest is in rooms, each of which uses only those before it: [`files`], [`tuning`], [`data`],
//! [`classify`], [`mod@compile`], [`judge`], [`measure`].

pub mod classify;
pub mod compile;
pub mod data;
pub mod files;
pub mod judge;
pub mod measure;
pub mod tuning;

pub use compile::{
    BuildError, CompileError, CompileOptions, Compiled, GenerateError, Glibc, Input, Kind, Model, PackageError, Planned,
    PlannedLayer, PlannedStage, Target, TargetError, compile, plan, without_settings,
};
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
