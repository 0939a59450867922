//! `max(0, x)`

use super::function::Function;
use crate::Arithmetic;

/// The rectifier.
#[derive(Clone, Copy)]
pub struct Relu;

impl Function for Relu {
    const WORD: &'static str = "relu";

    fn at(&self, x: f64) -> f64 {
        // A comparison with NaN is false, so NaN stays. `f64::max` would drop it.
        if x < 0.0 { 0.0 } else { x }
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        a.clamp(x, 0.0, f32::INFINITY)
    }

    fn clamp(&self) -> Option<(f32, f32)> {
        Some((0.0, f32::INFINITY))
    }

    fn operations(&self) -> usize {
        1
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

    fn mean_square(&self, of: f64, rectified: bool) -> f64 {
        if rectified { of } else { of / 2.0 }
    }
}
