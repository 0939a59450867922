//! The hyperbolic tangent.

use super::function::Function;
use super::polynomial::odd_quotient;
use crate::Arithmetic;

/// `(exp(2 x) - 1) / (exp(2 x) + 1)`
#[derive(Clone, Copy)]
pub struct Tanh;

/// Arguments are clamped to this magnitude. At it, the function is one to the last bit of an f32, and [`UPPER`]
/// divided by [`LOWER`] gives exactly one, whether multiply-adds are fused or not.
pub const RANGE: f32 = 9.084;

/// `x * UPPER(x * x) / LOWER(x * x)` is `tanh(x)` with a relative error below 9e-9 within [`RANGE`]. The coefficients begin with
/// the constant term. They are fitted as those of [`Gelu`](super::Activation::Gelu), but to the relative error.
pub const UPPER: [f32; 6] = [1.0, 0.136_777_86, 0.003_865_631, 2.795_132e-5, 3.044_328_5e-8, -1.209_247_1e-11];
/// See [`UPPER`].
pub const LOWER: [f32; 5] = [1.0, 0.470_111_2, 0.027_236_044, 0.000_393_381_46, 1.283_353_5e-6];

impl Function for Tanh {
    const WORD: &'static str = "tanh";

    fn at(&self, x: f64) -> f64 {
        x.tanh()
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        odd_quotient(a, x, RANGE, &UPPER, &LOWER)
    }

    fn operations(&self) -> usize {
        17
    }

    /// The slope is largest at zero.
    fn slope(&self, _: f64) -> f64 {
        1.0
    }

    fn largest(&self, max: f64) -> f64 {
        max.min(1.0)
    }

    /// The polynomials, a product and a quotient. The largest error that tests find is 2.6 epsilons; it is doubled.
    fn roundings(&self) -> f64 {
        6.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
