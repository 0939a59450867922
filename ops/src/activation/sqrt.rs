//! `sqrt(x)`

use super::function::Function;
use crate::Arithmetic;

/// The square root. That of a negative number is NaN.
#[derive(Clone, Copy)]
pub struct Sqrt;

/// The slope is infinite at zero. From here on it is at most one.
const LEAST: f32 = 0.25;

impl Function for Sqrt {
    const WORD: &'static str = "sqrt";

    fn at(&self, x: f64) -> f64 {
        x.sqrt()
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        a.sqrt(x)
    }

    /// A root takes as long as a division, and longer than other operations.
    fn operations(&self) -> usize {
        4
    }

    fn tame(&self) -> (f32, f32) {
        (LEAST, f32::INFINITY)
    }

    fn slope(&self, _: f64) -> f64 {
        0.5 / f64::from(LEAST).sqrt()
    }

    fn largest(&self, max: f64) -> f64 {
        max.sqrt()
    }

    /// The root rounds (half an epsilon), doubled.
    fn roundings(&self) -> f64 {
        1.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
