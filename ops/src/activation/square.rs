//! `x * x`

use super::function::Function;
use crate::Arithmetic;

/// The second power.
#[derive(Clone, Copy)]
pub struct Square;

impl Function for Square {
    const WORD: &'static str = "square";

    fn at(&self, x: f64) -> f64 {
        x * x
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        a.mul(x, x)
    }

    fn operations(&self) -> usize {
        1
    }

    fn tame(&self) -> (f32, f32) {
        (-4.0, 4.0)
    }

    fn slope(&self, max: f64) -> f64 {
        2.0 * max
    }

    fn largest(&self, max: f64) -> f64 {
        max * max
    }

    /// The product rounds (half an epsilon), doubled.
    fn roundings(&self) -> f64 {
        1.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
