//! `1 / (1 + exp(-x))`

use super::function::Function;
use crate::Arithmetic;

/// The error of a sigmoid in epsilons: range reduction and a polynomial (2), a sum and a division (half an epsilon each),
/// doubled.
pub const ROUNDINGS: f64 = 6.0;

/// The logistic function.
#[derive(Clone, Copy)]
pub struct Sigmoid;

impl Function for Sigmoid {
    const WORD: &'static str = "sigmoid";

    fn at(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        a.logistic(x, false)
    }

    fn operations(&self) -> usize {
        20
    }

    /// The slope is largest at zero.
    fn slope(&self, _: f64) -> f64 {
        0.25
    }

    fn largest(&self, _: f64) -> f64 {
        1.0
    }

    fn roundings(&self) -> f64 {
        ROUNDINGS
    }

    fn step(&self) -> Option<f64> {
        None
    }

    fn mean_square(&self, _: f64, _: bool) -> f64 {
        0.3
    }
}
