//! `max(0, x) + slope * min(0, x)`

use super::Parameter;
use super::function::Function;
use crate::Arithmetic;

/// The rectifier that multiplies negative values by a slope instead of dropping them.
#[derive(Clone, Copy)]
pub struct LeakyRelu {
    /// What negative arguments are multiplied by.
    pub slope: Parameter,
}

impl LeakyRelu {
    fn below(self) -> f64 {
        self.slope.value().into()
    }
}

impl Function for LeakyRelu {
    const WORD: &'static str = "leakyrelu";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.slope]
    }

    fn at(&self, x: f64) -> f64 {
        if x < 0.0 { self.below() * x } else { x }
    }

    /// One of the two terms is always zero. So the sum does not round, fused or not.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let zero = a.constant("zero", 0.0);
        let slope = a.constant("slope", self.slope.value());
        let above = a.max(&zero, x);
        let below = a.min(&zero, x);
        a.fma(&below, &slope, &above)
    }

    fn operations(&self) -> usize {
        3
    }

    fn slope(&self, _: f64) -> f64 {
        self.below().abs().max(1.0)
    }

    fn largest(&self, max: f64) -> f64 {
        max * self.slope(max)
    }

    /// The product rounds (half an epsilon), doubled. It does not round if the slope is zero or a power of two, which only
    /// changes the exponent.
    fn roundings(&self) -> f64 {
        if self.step().is_some() { 0.0 } else { 1.0 }
    }

    fn step(&self) -> Option<f64> {
        self.slope.step()
    }

    fn mean_square(&self, of: f64, rectified: bool) -> f64 {
        if rectified { of } else { of * (1.0 + self.below().powi(2)) / 2.0 }
    }
}
