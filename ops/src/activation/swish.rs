//! `x / (1 + exp(-beta * x))`

use super::function::Function;
use super::gated::gated;
use super::{Parameter, Scale};
use crate::Arithmetic;

/// The argument times the sigmoid of a multiple of it. It is [`Silu`](super::Activation::Silu) if `beta` is one.
#[derive(Clone, Copy)]
pub struct Swish {
    /// What the argument of the sigmoid is multiplied by.
    pub beta: Parameter,
}

impl Function for Swish {
    const WORD: &'static str = "swish";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.beta]
    }

    fn at(&self, x: f64) -> f64 {
        x / (1.0 + (-f64::from(self.beta.value()) * x).exp())
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let minus = a.constant("minus_beta", -self.beta.value());
        let argument = a.mul(x, &minus);
        gated(a, x, &argument)
    }

    fn operations(&self) -> usize {
        20
    }

    /// The slope of `x * sigmoid(x)` is largest at x = 2.4: 1.0998, here rounded up. A factor of both axes does not change it.
    fn slope(&self, _: f64) -> f64 {
        1.1
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    /// The exponential and the rounding of its argument move the sigmoid by at most a quarter of that; the sum and the division
    /// round. The largest error that tests find is 1 epsilon; it is more than doubled.
    fn roundings(&self) -> f64 {
        2.5
    }

    /// For arguments far below zero, the rounding of the product is large beside the result.
    fn scale(&self) -> Scale {
        Scale::Largest
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
