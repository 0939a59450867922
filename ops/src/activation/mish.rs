//! `x * tanh(log(1 + exp(x)))`

use super::function::Function;
use crate::Arithmetic;

/// The argument times the hyperbolic tangent of its softplus.
#[derive(Clone, Copy)]
pub struct Mish;

/// From here on, the function is `x` to the last bit.
const HIGHEST: f32 = 20.0;

impl Function for Mish {
    const WORD: &'static str = "mish";

    fn at(&self, x: f64) -> f64 {
        x * x.exp().ln_1p().tanh()
    }

    /// With `e = exp(x)` and `w = e * (e + 2)`, the hyperbolic tangent is `w / (w + 2)`: nothing cancels.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let highest = a.constant("end", HIGHEST);
        let two = a.constant("two", 2.0);
        let argument = a.min(&highest, x);
        let power = a.exponential(&argument);
        let more = a.add(&power, &two);
        let over = a.mul(&power, &more);
        let under = a.add(&over, &two);
        let share = a.div(&over, &under);
        a.mul(x, &share)
    }

    fn operations(&self) -> usize {
        24
    }

    /// The slope is largest at x = 1.49: 1.0885, here rounded up.
    fn slope(&self, _: f64) -> f64 {
        1.09
    }

    fn largest(&self, max: f64) -> f64 {
        max
    }

    /// The exponential, two sums, two products and a quotient. The largest error that tests find is 2.3 epsilons; it is doubled.
    fn roundings(&self) -> f64 {
        5.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
