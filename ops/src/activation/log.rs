//! `log(x)`

use std::f64::consts::LN_2;

use super::function::Function;
use super::polynomial::{U, polynomial};
use crate::Arithmetic;

/// The natural logarithm. That of zero is minus infinity, that of a negative number NaN.
#[derive(Clone, Copy)]
pub struct Log;

/// The slope is infinite at zero. From here on it is at most two.
const LEAST: f32 = 0.5;

/// ln 2 in two parts. The first has 15 bits, so that its product with an exponent is exact. Both are positive, so that infinite
/// exponents give no NaN.
const LN_2_HIGH: f32 = 0.693_145_75;
/// See [`LN_2_HIGH`].
const LN_2_LOW: f32 = 1.428_606_8e-6;

/// The coefficients `2 / (2k + 1)` of `2 atanh(s) / s`, a series in `s * s`. The terms left out are below 1e-9 for mantissas from
/// 3/4 to 3/2, where `s` is at most 1/5.
const SERIES: [f64; 6] = [2.0, 2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0, 2.0 / 11.0];

/// The logarithm of a mantissa, times a factor. `log(m)` is `2 atanh((m - 1) / (m + 1))`.
#[inline(always)]
pub fn of_mantissa<A: Arithmetic>(a: &mut A, m: &A::Vector, factor: f32) -> A::Vector {
    let minus = a.constant("minus", -1.0);
    let one = a.constant("one", 1.0);
    let over = a.add(m, &minus);
    let under = a.add(m, &one);
    let s = a.div(&over, &under);
    let square = a.mul(&s, &s);
    let series = SERIES.map(|coefficient| (coefficient * f64::from(factor)) as f32);
    let series = polynomial(a, &U, &series, &square);
    a.mul(&s, &series)
}

impl Function for Log {
    const WORD: &'static str = "log";

    fn at(&self, x: f64) -> f64 {
        x.ln()
    }

    /// With `x = m * 2^n`, it is `n ln 2 + log(m)`. Where `n` is zero, nothing cancels.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let (high, low) = (a.constant("ln2_high", LN_2_HIGH), a.constant("ln2_rest", LN_2_LOW));
        let n = a.exponent(x);
        let m = a.mantissa(x);
        let of_mantissa = of_mantissa(a, &m, 1.0);
        let rest = a.fma(&n, &low, &of_mantissa);
        a.fma(&n, &high, &rest)
    }

    fn operations(&self) -> usize {
        24
    }

    fn tame(&self) -> (f32, f32) {
        (LEAST, f32::INFINITY)
    }

    fn slope(&self, _: f64) -> f64 {
        1.0 / f64::from(LEAST)
    }

    fn largest(&self, max: f64) -> f64 {
        max.ln().abs().max(LN_2)
    }

    /// Two sums, a quotient, the polynomial, a product and two multiply-adds. The largest error that tests find is doubled.
    fn roundings(&self) -> f64 {
        5.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
