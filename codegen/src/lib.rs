//! From a network and its weights to a specialised program.

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
pub mod prove;
pub mod stage;
#[cfg(test)]
mod testing;
pub mod tuning;
