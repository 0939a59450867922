//! `x * min(6, max(0, x + 3)) / 6`

use super::function::Function;
use crate::Arithmetic;

/// [`Silu`](super::Activation::Silu) with its sigmoid replaced by straight lines.
#[derive(Clone, Copy)]
pub struct HardSwish;

impl Function for HardSwish {
    const WORD: &'static str = "hardswish";

    fn at(&self, x: f64) -> f64 {
        x * ((x + 3.0).clamp(0.0, 6.0) / 6.0)
    }

    /// The clamped sum is divided by 6 before it is multiplied by `x`, so that the product does not overflow. The division is a
    /// product with 1/6, which is exact at both ends of the clamp.
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

    /// The slope is largest at x = 3.
    fn slope(&self, _: f64) -> f64 {
        1.5
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    /// The sum, 1/6 and two products round (half an epsilon each), doubled. The sum cancels near -3 without an error: it is exact
    /// there.
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
