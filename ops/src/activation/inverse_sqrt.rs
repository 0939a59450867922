//! `1 / sqrt(x)`

use super::function::Function;
use crate::Arithmetic;

/// The inverse of the square root. That of a negative number is NaN.
#[derive(Clone, Copy)]
pub struct InverseSqrt;

/// Results and slopes are moderate from here on.
const LEAST: f32 = 0.5;

impl Function for InverseSqrt {
    const WORD: &'static str = "rsqrt";

    fn at(&self, x: f64) -> f64 {
        1.0 / x.sqrt()
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let one = a.constant("one", 1.0);
        let root = a.sqrt(x);
        a.div(&one, &root)
    }

    fn operations(&self) -> usize {
        8
    }

    fn tame(&self) -> (f32, f32) {
        (LEAST, f32::INFINITY)
    }

    fn slope(&self, _: f64) -> f64 {
        0.5 / f64::from(LEAST).powf(1.5)
    }

    fn largest(&self, _: f64) -> f64 {
        1.0 / f64::from(LEAST).sqrt()
    }

    /// The root and the quotient round (half an epsilon each), doubled.
    fn roundings(&self) -> f64 {
        2.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
