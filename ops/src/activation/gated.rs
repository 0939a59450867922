//! A value times the logistic function of another.

use crate::Arithmetic;

/// `x / (1 + exp(minus))`, which is `x` times the logistic function of `-minus`.
#[inline(always)]
pub fn gated<A: Arithmetic>(a: &mut A, x: &A::Vector, minus: &A::Vector) -> A::Vector {
    let one = a.constant("one", 1.0);
    let power = a.exponential(minus);
    let under = a.add(&power, &one);
    a.div(x, &under)
}
