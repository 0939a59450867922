//! What is right, according to PyTorch: every node of a network computed with its operators, and how far an f32 engine may be off.

pub mod bounded;
pub mod check;
pub mod engine;
pub mod engines;
pub mod observe;
pub mod program;
pub mod random;
pub mod tolerance;
pub mod torch;
pub mod whole;

pub use check::{Verdict, wrong};
pub use torch::{Torch, ids, tensor, values};
pub use whole::Whole;
