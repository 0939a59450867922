//! `x` above zero, `alpha * (exp(x / alpha) - 1)` below

use super::Parameter;
use super::decay::{OPERATIONS, ROUNDINGS, decay};
use super::function::Function;
use crate::Arithmetic;

/// The exponential linear unit whose slope does not jump at zero.
#[derive(Clone, Copy)]
pub struct Celu {
    /// The magnitude of the limit far below zero.
    pub alpha: Parameter,
}

impl Celu {
    fn alpha(self) -> f64 {
        self.alpha.value().into()
    }
}

impl Function for Celu {
    const WORD: &'static str = "celu";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.alpha]
    }

    /// The inverse must be finite, too.
    fn is_valid(&self) -> bool {
        self.alpha.value().is_normal() && self.alpha.value() > 0.0 && self.alpha.value().recip() > 0.0
    }

    fn at(&self, x: f64) -> f64 {
        if x < 0.0 { self.alpha() * (x / self.alpha()).exp_m1() } else { x }
    }

    /// One of the two terms is always zero. So the sum does not round.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let zero = a.constant("zero", 0.0);
        let alpha = a.constant("alpha", self.alpha.value());
        let below = decay(a, x, 1.0 / self.alpha());
        let above = a.max(&zero, x);
        a.fma(&below, &alpha, &above)
    }

    fn operations(&self) -> usize {
        OPERATIONS + 2
    }

    fn slope(&self, _: f64) -> f64 {
        1.0
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    /// The exponential part, the factor of its argument and a product (half an epsilon each), doubled.
    fn roundings(&self) -> f64 {
        2.0 * ROUNDINGS + 2.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
