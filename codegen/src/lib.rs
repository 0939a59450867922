//! From a network and its weights to a specialised program.

pub mod interpret;
pub mod isa;
pub mod kernel;
pub mod layer;
pub mod lower;
pub mod normalize;
pub mod prove;
pub mod stage;
#[cfg(test)]
mod testing;
