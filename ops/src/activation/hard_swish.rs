//! `x * min(6, max(0, x + 3)) / 6`

use super::function::Function;
use crate::Arithmetic;

/// The sigmoid of [`Silu`](super::Activation::Silu) made of straight lines.
#[derive(Clone, Copy)]
pub struct HardSwish;

impl Function for HardSwish {
    const WORD: &'static str = "hardswish";

    fn at(&self, x: f64) -> f64 {
        x * ((x + 3.0).clamp(0.0, 6.0) / 6.0)
    }

    /// The clamped sum is divided first, so that no product overflows; by a product with 1/6, which is exact at both ends.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let three = a.constant("three", 3.0);
        let zero = a.constant("zero", 0.0);
        let six = a.constant("six", 6.0);
        let sixth = a.constant("sixth", 1.0 / 6.0);
        let shifted = a.add(x, &three);
        let above = a.max(&zero, &shifted);
        let within = a.min(&six, &above);
        let factor = a.mul(&within, &sixth);
        a.mul(x, &factor)
    }

    fn operations(&self) -> usize {
        5
    }

    /// That at x = 3.
    fn slope(&self) -> f64 {
        1.5
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    /// The sum, 1/6 and two products (half an epsilon each), doubled. The sum cancels without an error: close to -3 it is exact.
    fn roundings(&self) -> f64 {
        4.0
    }

    fn step(&self) -> Option<f64> {
        None
    }

    fn mean_square(&self, of: f64, _: bool) -> f64 {
        of * 0.33
    }
}
