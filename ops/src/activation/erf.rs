//! The error function.

use std::f32::consts::FRAC_2_SQRT_PI;
use std::f64::consts::PI;

use super::function::Function;
use super::polynomial::odd_quotient;
use crate::Arithmetic;

/// `2 / sqrt(pi)` times the integral of `exp(-t * t)` from zero to `x`.
#[derive(Clone, Copy)]
pub struct Erf;

/// Arguments are clamped to this magnitude. At it, the function is one to the last bit of an f32, and [`UPPER`]
/// divided by [`LOWER`] gives exactly one, whether multiply-adds are fused or not.
const RANGE: f32 = 3.934;

/// `x * UPPER(x * x) / LOWER(x * x)` is `erf(x)` with a relative error below 6e-8 within [`RANGE`]. The coefficients begin with
/// the constant term. They are fitted as those of [`Gelu`](super::Activation::Gelu), but to the relative error.
const UPPER: [f32; 7] =
    [FRAC_2_SQRT_PI, 0.185_168_82, 0.054_274_783, 0.003_843_366_9, 0.000_377_938_76, 4.640_490_7e-6, -1.296_732_8e-8];
/// See [`UPPER`].
const LOWER: [f32; 6] = [1.0, 0.497_435, 0.113_910_94, 0.015_443_717, 0.001_304_064_4, 6.269_304e-5];

impl Function for Erf {
    const WORD: &'static str = "erf";

    fn at(&self, x: f64) -> f64 {
        let z = x.abs();
        let result = if z < LIMIT { from_zero(z) } else { 1.0 - complement(z) };
        if x < 0.0 { -result } else { result }
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        odd_quotient(a, x, RANGE, &UPPER, &LOWER)
    }

    fn operations(&self) -> usize {
        19
    }

    /// The slope is largest at zero: `2 / sqrt(pi)`.
    fn slope(&self, _: f64) -> f64 {
        2.0 / PI.sqrt()
    }

    fn largest(&self, max: f64) -> f64 {
        (self.slope(max) * max).min(1.0)
    }

    /// The polynomials, a product and a quotient. The largest error that tests find is 2.4 epsilons; it is doubled.
    fn roundings(&self) -> f64 {
        5.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}

/// Below this, `erf` is summed from zero, above it from infinity.
const LIMIT: f64 = 3.0;

/// `erf(z)` for `z` from zero to [`LIMIT`].
fn from_zero(z: f64) -> f64 {
    // All terms are positive: nothing cancels.
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= 2.0 * z * z / odd;
        sum += term;
    }
    2.0 / PI.sqrt() * (-z * z).exp() * sum
}

/// `1 - erf(z)` for `z` that is not negative.
pub fn complement(z: f64) -> f64 {
    if z < LIMIT {
        1.0 - from_zero(z)
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
        for z in [1e-300, 1e-9, 0.5, 1.0, 2.5, 3.5] {
            assert!((Erf.at(z) + complement(z) - 1.0).abs() <= 2e-16, "{z}");
        }
        assert!((Erf.at(1e-9) / 1.128_379_167_095_512_6e-9 - 1.0).abs() < 1e-15);
        assert_eq!(complement(f64::INFINITY), 0.0);
        assert!(complement(f64::NAN).is_nan());
    }
}
