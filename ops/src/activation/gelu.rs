//! `x * (1 + erf(x / sqrt(2))) / 2`

use std::f64::consts::FRAC_1_SQRT_2;

use super::Scale;
use super::erf::complement;
use super::function::Function;
use super::polynomial::odd_quotient;
use crate::Arithmetic;

/// The argument `x` times the probability that a normally distributed value is less than `x`.
#[derive(Clone, Copy)]
pub struct Gelu;

/// Arguments are clamped to this magnitude. At it, `erf(x / sqrt(2)) / 2` is one half to the last bit of an f32, and [`UPPER`]
/// divided by [`LOWER`] gives exactly one half, whether multiply-adds are fused or not.
const RANGE: f32 = 5.55;

/// `y * UPPER(y * y) / LOWER(y * y)` is `erf(y / sqrt(2)) / 2` within 1.1e-8 on [-5.65, 5.65]. The coefficients begin with the
/// constant term. They are a fit by least squares: the sum of the squares of `(y * UPPER - erf / 2 * LOWER) / LOWER` over 2000
/// Chebyshev nodes is smallest. Each step of the fit is linear, since it divides by the `LOWER` of the step before. The nodes are
/// weighted so that the error becomes level (Lawson's method).
///
/// Computed in f32, half of an error function is off by at most 1.8e-7. That is 3 ulp of a value just below one. Most of it comes
/// from the roundings of the two polynomials.
const UPPER: [f32; 6] = [0.398_942_2, 0.034_653_56, 0.004_723_601_5, 0.000_176_558_07, 6.363_644e-6, 2.185_752e-8];
/// See [`UPPER`].
const LOWER: [f32; 6] = [1.0, 0.253_529_2, 0.029_097_151, 0.001_928_389_4, 7.590_825e-5, 1.172_314_7e-6];

impl Function for Gelu {
    const WORD: &'static str = "gelu";

    fn at(&self, x: f64) -> f64 {
        let beyond = complement(x.abs() * FRAC_1_SQRT_2) / 2.0;
        x * if x < 0.0 { beyond } else { 1.0 - beyond }
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let erf = odd_quotient(a, x, RANGE, &UPPER, &LOWER);
        let half = a.constant("half", 0.5);
        let share = a.add(&erf, &half);
        // Near an argument of `-RANGE`, roundings may carry the share below zero.
        let zero = a.constant("zero", 0.0);
        let share = a.max(&zero, &share);
        a.mul(x, &share)
    }

    fn operations(&self) -> usize {
        18
    }

    /// The slope is largest at x = sqrt(2): 1.1289, here rounded up.
    fn slope(&self, _: f64) -> f64 {
        1.13
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    /// The error function's half is off by 1.8e-7 (1.5 epsilons); the sum and the product round (half an epsilon each). All of it
    /// is doubled.
    fn roundings(&self) -> f64 {
        5.0
    }

    /// For negative arguments the sum of one and an error function near minus one cancels: next to nothing is left.
    fn scale(&self) -> Scale {
        Scale::Largest
    }

    fn step(&self) -> Option<f64> {
        None
    }

    fn mean_square(&self, of: f64, _: bool) -> f64 {
        of * 0.425
    }
}
