//! `x / (1 + |x|)`

use super::function::Function;
use crate::Arithmetic;

/// A sigmoid that is a quotient.
#[derive(Clone, Copy)]
pub struct Softsign;

impl Function for Softsign {
    const WORD: &'static str = "softsign";

    fn at(&self, x: f64) -> f64 {
        x / (1.0 + x.abs())
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let minus = a.constant("minus", -1.0);
        let one = a.constant("one", 1.0);
        let negative = a.mul(x, &minus);
        let magnitude = a.max(&negative, x);
        let under = a.add(&magnitude, &one);
        a.div(x, &under)
    }

    fn operations(&self) -> usize {
        7
    }

    /// The slope is largest at zero.
    fn slope(&self, _: f64) -> f64 {
        1.0
    }

    fn largest(&self, max: f64) -> f64 {
        max.min(1.0)
    }

    /// A sum and a quotient round (half an epsilon each), doubled.
    fn roundings(&self) -> f64 {
        2.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
