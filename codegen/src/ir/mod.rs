//! What a plan is made of: kernels over vector registers, and stages that call them. A table for each level says how its
//! operations are spelt.

pub mod isa;
pub mod kernel;
pub mod name;
pub mod stage;
