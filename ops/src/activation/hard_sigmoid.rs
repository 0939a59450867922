//! `min(1, max(0, alpha * x + beta))`

use super::function::Function;
use super::{Parameter, Scale};
use crate::Arithmetic;

/// A sigmoid that is replaced by three straight lines.
#[derive(Clone, Copy)]
pub struct HardSigmoid {
    /// The slope of the line in the middle.
    pub alpha: Parameter,
    /// The result for zero, if it is between zero and one.
    pub beta: Parameter,
}

impl Function for HardSigmoid {
    const WORD: &'static str = "hardsigmoid";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.alpha, self.beta]
    }

    fn at(&self, x: f64) -> f64 {
        (f64::from(self.alpha.value()) * x + f64::from(self.beta.value())).clamp(0.0, 1.0)
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let alpha = a.constant("alpha", self.alpha.value());
        let beta = a.constant("beta", self.beta.value());
        let line = a.fma(x, &alpha, &beta);
        a.clamp(&line, 0.0, 1.0)
    }

    fn operations(&self) -> usize {
        3
    }

    fn slope(&self, _: f64) -> f64 {
        f64::from(self.alpha.value()).abs()
    }

    fn largest(&self, _: f64) -> f64 {
        1.0
    }

    /// Between the ends, the product is at most `1 + |beta|`. It rounds, and so does the sum (half an epsilon each), doubled.
    fn roundings(&self) -> f64 {
        2.0 + f64::from(self.beta.value()).abs()
    }

    /// The sum cancels where the line meets zero.
    fn scale(&self) -> Scale {
        Scale::Largest
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
