//! From a network to a program: a crate on disk, or a library in this process.

pub mod cache;
pub mod generate;
pub mod model;
pub mod rustc;
