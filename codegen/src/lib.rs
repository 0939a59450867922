//! From a network and its weights to a specialised program.

// What is drawn for tests here is drawn for those of other crates too.
#[cfg(test)]
extern crate self as sartor_codegen;

pub mod emit;
pub mod interpret;
pub mod isa;
pub mod kernel;
pub mod layer;
pub mod lower;
pub mod name;
pub mod normalize;
pub mod pack;
pub mod plan;
pub mod problem;
pub mod prove;
pub mod stage;
#[cfg(test)]
mod testing;
pub mod tuning;
