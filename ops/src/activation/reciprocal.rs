//! `1 / x`

use super::function::Function;
use crate::Arithmetic;

/// The inverse.
#[derive(Clone, Copy)]
pub struct Reciprocal;

/// Results and slopes are moderate from here on.
const LEAST: f32 = 0.5;

impl Function for Reciprocal {
    const WORD: &'static str = "reciprocal";

    fn at(&self, x: f64) -> f64 {
        1.0 / x
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let one = a.constant("one", 1.0);
        a.div(&one, x)
    }

    fn operations(&self) -> usize {
        4
    }

    fn tame(&self) -> (f32, f32) {
        (LEAST, f32::INFINITY)
    }

    fn slope(&self, _: f64) -> f64 {
        f64::from(LEAST).powi(-2)
    }

    fn largest(&self, _: f64) -> f64 {
        1.0 / f64::from(LEAST)
    }

    /// The quotient rounds (half an epsilon), doubled.
    fn roundings(&self) -> f64 {
        1.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
