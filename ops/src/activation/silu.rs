//! `x / (1 + exp(-x))`

use super::function::Function;
use super::sigmoid::ROUNDINGS;
use crate::Arithmetic;

/// The argument times its sigmoid, also called swish.
#[derive(Clone, Copy)]
pub struct Silu;

impl Function for Silu {
    const WORD: &'static str = "silu";

    fn at(&self, x: f64) -> f64 {
        x / (1.0 + (-x).exp())
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        a.logistic(x, true)
    }

    fn operations(&self) -> usize {
        20
    }

    /// The slope is largest at x = 2.4: 1.0998, here rounded up.
    fn slope(&self, _: f64) -> f64 {
        1.1
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    fn roundings(&self) -> f64 {
        ROUNDINGS
    }

    fn step(&self) -> Option<f64> {
        None
    }

    fn mean_square(&self, of: f64, _: bool) -> f64 {
        of * 0.36
    }
}
