//! `x * (1 + erf(x / sqrt(2))) / 2`

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::Scale;
use super::function::Function;
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
        let least = a.constant("least", -RANGE);
        let most = a.constant("most", RANGE);
        let above = a.max(&least, x);
        let y = a.min(&most, &above);
        let square = a.mul(&y, &y);
        let upper = polynomial(a, &["p0", "p1", "p2", "p3", "p4", "p5"], &UPPER, &square);
        let lower = polynomial(a, &["q0", "q1", "q2", "q3", "q4", "q5"], &LOWER, &square);
        let odd = a.mul(&y, &upper);
        let erf = a.div(&odd, &lower);
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

/// The polynomial with these coefficients, evaluated for a vector.
#[inline(always)]
fn polynomial<A: Arithmetic>(a: &mut A, names: &[&str; 6], coefficients: &[f32; 6], x: &A::Vector) -> A::Vector {
    let mut sum = a.constant(names[5], coefficients[5]);
    for i in (0..5).rev() {
        let coefficient = a.constant(names[i], coefficients[i]);
        sum = a.fma(&sum, x, &coefficient);
    }
    sum
}

/// `1 - erf(z)` for `z` that is not negative.
fn complement(z: f64) -> f64 {
    if z < 3.0 {
        // All terms are positive: nothing cancels.
        let (mut term, mut sum, mut odd) = (z, z, 1.0);
        while term > sum * 1e-17 {
            odd += 2.0;
            term *= 2.0 * z * z / odd;
            sum += term;
        }
        1.0 - 2.0 / PI.sqrt() * (-z * z).exp() * sum
    } else {
        // A continued fraction, evaluated from its last term to its first.
        let fraction = (1..=60).rev().fold(z, |rest, k| z + f64::from(k) / 2.0 / rest);
        (-z * z).exp() / (PI.sqrt() * fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_functions_of_tables() {
        // Abramowitz and Stegun, tables 7.1 and 7.3; the last by mpmath.
        let table = [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_14),
            (2.0, 0.004_677_734_981_047_266),
            (2.999_999, 2.209_063_625_205_517e-5),
            (3.0, 2.209_049_699_858_544e-5),
            (5.0, 1.537_459_794_428_035e-12),
        ];
        for (z, expected) in table {
            let found = complement(z);
            assert!((found - expected).abs() <= 1e-11 * expected + 2e-16, "{z}: {found:e}, not {expected:e}");
        }
        assert_eq!(complement(f64::INFINITY), 0.0);
        assert!(complement(f64::NAN).is_nan());
    }
}
