//! `x` above a limit, zero elsewhere

use super::Parameter;
use super::function::Function;
use crate::Arithmetic;

/// What is at most the limit becomes zero.
#[derive(Clone, Copy)]
pub struct Threshold {
    pub limit: Parameter,
}

/// The function jumps at the limit, where an error of the argument chooses the side. Tests draw arguments from this far above it.
const BESIDE: f32 = 0.125;

impl Function for Threshold {
    const WORD: &'static str = "threshold";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.limit]
    }

    fn at(&self, x: f64) -> f64 {
        if x <= self.limit.value().into() { 0.0 } else { x }
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let limit = a.constant("limit", self.limit.value());
        a.above(x, &limit)
    }

    fn operations(&self) -> usize {
        2
    }

    fn tame(&self) -> (f32, f32) {
        (self.limit.value() + BESIDE, f32::INFINITY)
    }

    /// That beside the jump.
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
