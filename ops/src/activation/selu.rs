//! `gamma * x` above zero, `gamma * alpha * (exp(x) - 1)` below

use super::Parameter;
use super::decay::{OPERATIONS, ROUNDINGS, decay};
use super::function::Function;
use crate::Arithmetic;

/// The scaled exponential linear unit.
#[derive(Clone, Copy)]
pub struct Selu {
    /// What the exponential part is multiplied by.
    pub alpha: Parameter,
    /// What all of it is multiplied by.
    pub gamma: Parameter,
}

impl Selu {
    fn gamma(self) -> f64 {
        self.gamma.value().into()
    }

    /// The factor of the exponential part.
    fn below(self) -> f64 {
        f64::from(self.alpha.value()) * self.gamma()
    }
}

impl Function for Selu {
    const WORD: &'static str = "selu";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.alpha, self.gamma]
    }

    fn at(&self, x: f64) -> f64 {
        if x < 0.0 { self.below() * x.exp_m1() } else { self.gamma() * x }
    }

    /// One of the two terms is always zero. So the sum does not round.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let zero = a.constant("zero", 0.0);
        let gamma = a.constant("gamma", self.gamma.value());
        let factor = a.constant("alpha_gamma", self.below() as f32);
        let below = decay(a, x, 1.0);
        let above = a.max(&zero, x);
        let above = a.mul(&above, &gamma);
        a.fma(&below, &factor, &above)
    }

    fn operations(&self) -> usize {
        OPERATIONS + 3
    }

    fn slope(&self, _: f64) -> f64 {
        self.gamma().abs().max(self.below().abs())
    }

    fn largest(&self, max: f64) -> f64 {
        (self.gamma().abs() * max).max(self.below().abs() * -(-max).exp_m1())
    }

    /// The exponential part, its factor and a product (half an epsilon each), doubled.
    fn roundings(&self) -> f64 {
        2.0 * ROUNDINGS + 2.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
