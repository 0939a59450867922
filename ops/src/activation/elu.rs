//! `x` above zero, `alpha * (exp(x) - 1)` below

use super::Parameter;
use super::decay::{OPERATIONS, ROUNDINGS, decay};
use super::function::Function;
use crate::Arithmetic;

/// The exponential linear unit.
#[derive(Clone, Copy)]
pub struct Elu {
    /// What the exponential part is multiplied by.
    pub alpha: Parameter,
}

impl Function for Elu {
    const WORD: &'static str = "elu";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.alpha]
    }

    fn at(&self, x: f64) -> f64 {
        if x < 0.0 { f64::from(self.alpha.value()) * x.exp_m1() } else { x }
    }

    /// One of the two terms is always zero. So the sum does not round.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let zero = a.constant("zero", 0.0);
        let alpha = a.constant("alpha", self.alpha.value());
        let below = decay(a, x, 1.0);
        let above = a.max(&zero, x);
        a.fma(&below, &alpha, &above)
    }

    fn operations(&self) -> usize {
        OPERATIONS + 2
    }

    fn slope(&self, _: f64) -> f64 {
        f64::from(self.alpha.value()).abs().max(1.0)
    }

    fn largest(&self, max: f64) -> f64 {
        max.max(f64::from(self.alpha.value()).abs() * -(-max).exp_m1())
    }

    /// The exponential part, and a product (half an epsilon), doubled.
    fn roundings(&self) -> f64 {
        2.0 * ROUNDINGS + 1.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
