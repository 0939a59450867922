//! What a program is made of: kernels over vector registers, stages that call them, and the levels' tables.

pub mod isa;
pub mod kernel;
pub mod name;
pub mod stage;
