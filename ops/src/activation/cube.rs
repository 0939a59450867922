//! `x * x * x`

use super::function::Function;
use crate::Arithmetic;

/// The third power.
#[derive(Clone, Copy)]
pub struct Cube;

impl Function for Cube {
    const WORD: &'static str = "cube";

    fn at(&self, x: f64) -> f64 {
        x * x * x
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let square = a.mul(x, x);
        a.mul(x, &square)
    }

    fn operations(&self) -> usize {
        2
    }

    fn tame(&self) -> (f32, f32) {
        (-2.0, 2.0)
    }

    fn slope(&self, max: f64) -> f64 {
        3.0 * max * max
    }

    fn largest(&self, max: f64) -> f64 {
        max * max * max
    }

    /// Two products round (half an epsilon each), doubled.
    fn roundings(&self) -> f64 {
        2.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
