//! What a plan is made of: kernels over vector registers, stages that call them, and for each level a table of how its operations are spelt.

pub mod isa;
pub mod kernel;
pub mod name;
pub mod stage;
