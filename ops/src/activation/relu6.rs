//! `min(6, max(0, x))`

use super::function::Function;
use crate::Arithmetic;

/// The rectifier that saturates at 6.
#[derive(Clone, Copy)]
pub struct Relu6;

impl Function for Relu6 {
    const WORD: &'static str = "relu6";

    fn at(&self, x: f64) -> f64 {
        x.clamp(0.0, 6.0)
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        a.clamp(x, 0.0, 6.0)
    }

    fn clamp(&self) -> Option<(f32, f32)> {
        Some((0.0, 6.0))
    }

    fn operations(&self) -> usize {
        2
    }

    fn slope(&self, _: f64) -> f64 {
        1.0
    }

    fn largest(&self, max: f64) -> f64 {
        max.min(6.0)
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
