//! `max(x, -x)`

use super::function::Function;
use crate::Arithmetic;

/// The magnitude.
#[derive(Clone, Copy)]
pub struct Abs;

impl Function for Abs {
    const WORD: &'static str = "abs";

    fn at(&self, x: f64) -> f64 {
        x.abs()
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let minus = a.constant("minus", -1.0);
        let negative = a.mul(x, &minus);
        a.max(&negative, x)
    }

    fn operations(&self) -> usize {
        2
    }

    fn slope(&self, _: f64) -> f64 {
        1.0
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    fn roundings(&self) -> f64 {
        0.0
    }

    fn step(&self) -> Option<f64> {
        Some(1.0)
    }
}
