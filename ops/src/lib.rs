//! What operators are: the one place that models, kernels, the compiler and its judges take it from.
//!
//! A [`Window`] says where an operator looks, an [`Activation`] is an elementwise function with all that code asks of it. Nothing
//! here knows networks or machines.

mod activation;
mod arithmetic;
mod window;

pub use activation::{Activation, Parameter, Scale};
pub use arithmetic::Arithmetic;
pub use window::{Axis, Padding, Window};
