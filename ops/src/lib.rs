//! What operators are: the one place from which models, kernels, the compiler and its judges take this knowledge.
//!
//! A [`Window`] says which inputs an operator reads. An [`Activation`] is an elementwise function, with every property of it that
//! code asks for. Nothing here knows networks or machines.

mod activation;
mod arithmetic;
mod parts;
mod rearrange;
mod reduction;
mod window;
pub mod winograd;

pub use activation::{Activation, Parameter};
pub use arithmetic::Arithmetic;
pub use parts::{exponent, mantissa};
pub use rearrange::{DepthOrder, Rearrange};
pub use reduction::Reduction;
pub use window::{Axis, Padding, Window};
pub use winograd::Winograd;
