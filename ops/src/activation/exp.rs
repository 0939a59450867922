//! `exp(x)`

use super::function::Function;
use crate::Arithmetic;

/// The exponential function.
#[derive(Clone, Copy)]
pub struct Exp;

impl Function for Exp {
    const WORD: &'static str = "exp";

    fn at(&self, x: f64) -> f64 {
        x.exp()
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        a.exponential(x)
    }

    fn operations(&self) -> usize {
        16
    }

    fn tame(&self) -> (f32, f32) {
        (-4.0, 4.0)
    }

    fn slope(&self, max: f64) -> f64 {
        max.exp()
    }

    fn largest(&self, max: f64) -> f64 {
        max.exp()
    }

    /// Range reduction and a polynomial. The largest error that tests find is 0.8 epsilons; it is more than doubled, for other
    /// exponentials.
    fn roundings(&self) -> f64 {
        3.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
