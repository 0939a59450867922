//! `x^p`

use std::f32::consts::{LN_2, LOG2_E};

use super::function::Function;
use super::{Parameter, log};
use crate::Arithmetic;

/// The power by a constant that is no whole number. That of a negative number is NaN, also of minus infinity, for which others say
/// infinity or zero.
#[derive(Clone, Copy)]
pub struct Power {
    pub exponent: Parameter,
}

/// Arguments that tests draw are between these.
const ENDS: (f32, f32) = (0.5, 2.0);
/// Magnitudes that an exponent may have. Products of smaller ones would say too little of zero and infinity.
const EXPONENTS: std::ops::RangeInclusive<f32> = 0.002..=64.0;
/// Exponents of arguments are clamped to this magnitude, so that no product of an infinite one is NaN. It is far beyond that of
/// any f32.
const FAR: f32 = 1_048_576.0;
/// Powers of two beyond these are zero and infinite, half of them too.
const POWERS: [f32; 2] = [-126.0, 129.0];
/// Adding this to a number leaves the nearest integer, less one, in the low bits of the mantissa, with the bias of an exponent.
const ROUND: f32 = 12_583_038.0;

impl Power {
    /// The exponent in two parts. The first has 12 bits, so that its product with the exponent of an argument is exact.
    fn parts(&self) -> [f32; 2] {
        let p = self.exponent.value();
        let first = f32::from_bits(p.to_bits() & 0xffff_f000);
        [first, p - first]
    }
}

impl Function for Power {
    const WORD: &'static str = "pow";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.exponent]
    }

    /// Whole powers are products.
    fn is_valid(&self) -> bool {
        let p = self.exponent.value();
        EXPONENTS.contains(&p.abs()) && p.fract() != 0.0
    }

    fn at(&self, x: f64) -> f64 {
        if x < 0.0 { f64::NAN } else { x.powf(self.exponent.value().into()) }
    }

    /// With `x = m * 2^n`, it is two to the `p n + p log2(m)`. The whole part of that becomes the exponent of the result. What is
    /// left has few digits in front of its point, so that the error grows with `p`, and not with the logarithm of the result.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let [first, second] = self.parts();
        let p = a.constant("exponent_of_power", self.exponent.value());
        let (first, second) = (a.constant("high_of_power", first), a.constant("low_of_power", second));
        let ends = [("far_below", -FAR), ("far", FAR), ("lowest_power", POWERS[0]), ("highest_power", POWERS[1])];
        let [far_below, far, lowest, highest] = ends.map(|(name, value)| a.constant(name, value));
        let (round, back) = (a.constant("round_half", ROUND), a.constant("round_back", -ROUND));
        let minus = a.constant("minus", -1.0);
        let n = a.exponent(x);
        let m = a.mantissa(x);
        let n = a.max(&far_below, &n);
        let n = a.min(&far, &n);
        let logarithm = log::of_mantissa(a, &m, LOG2_E);
        let scaled = a.mul(&p, &logarithm);
        // The whole part, within the exponents of f32.
        let whole = a.fma(&n, &p, &scaled);
        let whole = a.max(&lowest, &whole);
        let whole = a.min(&highest, &whole);
        let bits = a.add(&whole, &round);
        let whole = a.add(&bits, &back);
        let negative = a.mul(&whole, &minus);
        // The rest.
        let rest = a.fma(&n, &first, &negative);
        let rest = a.fma(&n, &second, &rest);
        let rest = a.add(&rest, &scaled);
        let ln2 = a.constant("ln2_of_rest", LN_2);
        let rest = a.mul(&rest, &ln2);
        let fraction = a.exponential(&rest);
        let doubled = a.add(&fraction, &fraction);
        let half = a.power_of_two(&bits);
        a.mul(&doubled, &half)
    }

    fn operations(&self) -> usize {
        50
    }

    fn tame(&self) -> (f32, f32) {
        ENDS
    }

    fn slope(&self, max: f64) -> f64 {
        let p = f64::from(self.exponent.value());
        let steepest = if p < 1.0 { f64::from(ENDS.0) } else { max };
        p.abs() * steepest.powf(p - 1.0)
    }

    fn largest(&self, max: f64) -> f64 {
        let p = f64::from(self.exponent.value());
        let at = if p < 0.0 { f64::from(ENDS.0) } else { max };
        at.powf(p)
    }

    /// The logarithm of the mantissa, of which the exponent makes a multiple, and an exponential. Tests find at most half of it.
    fn roundings(&self) -> f64 {
        6.0 + 4.0 * f64::from(self.exponent.value()).abs()
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
