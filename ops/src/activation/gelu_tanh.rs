//! `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`

use super::Scale;
use super::function::Function;
use super::gated::gated;
use crate::Arithmetic;

/// [`Gelu`](super::Activation::Gelu) with its error function replaced by a hyperbolic tangent.
#[derive(Clone, Copy)]
pub struct GeluTanh;

/// `-2 * sqrt(2 / pi)`
const FIRST: f64 = -1.595_769_121_605_731;

/// The coefficient of the third power.
const THIRD: f64 = FIRST * 0.044_715;

impl Function for GeluTanh {
    const WORD: &'static str = "gelutanh";

    /// `(1 + tanh(u)) / 2` is `1 / (1 + exp(-2 u))`.
    fn at(&self, x: f64) -> f64 {
        x / (1.0 + (x * (FIRST + THIRD * x * x)).exp())
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let first = a.constant("first", FIRST as f32);
        let third = a.constant("third", THIRD as f32);
        let square = a.mul(x, x);
        let factor = a.fma(&square, &third, &first);
        let argument = a.mul(x, &factor);
        gated(a, x, &argument)
    }

    fn operations(&self) -> usize {
        22
    }

    /// The slope is largest at x = 1.4: 1.1291, here rounded up.
    fn slope(&self, _: f64) -> f64 {
        1.13
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    /// The exponential and the roundings of its argument move the sigmoid by at most a quarter of that; the sum and the division
    /// round. The largest error that tests find is 1 epsilon; it is more than doubled.
    fn roundings(&self) -> f64 {
        2.5
    }

    /// For arguments far below zero, the roundings of the exponential's argument are large beside the result.
    fn scale(&self) -> Scale {
        Scale::Largest
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
