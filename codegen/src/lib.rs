//! From a network and its weights to a specialised program.

// The drawn networks and problems serve the tests of this crate and of others.
#[cfg(test)]
extern crate self as sartor_codegen;

pub mod compile;
pub mod emit;
pub mod ids;
#[cfg(feature = "interpret")]
pub mod interpret;
pub mod ir;
#[cfg(feature = "interpret")]
pub mod lab;
pub mod layout;
pub mod lower;
pub mod network;
pub mod ops;
pub mod plan;
pub mod prove;
pub mod schedule;
pub mod tunings;
