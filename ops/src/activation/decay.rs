//! `exp(x) - 1` for arguments of zero and below.

use super::polynomial::{P, Q, polynomial};
use super::tanh::{LOWER, RANGE, UPPER};
use crate::Arithmetic;

/// The error of [`decay`] in epsilons: that of the polynomials, a product, a difference and a quotient. It is the largest that
/// tests find.
pub const ROUNDINGS: f64 = 1.9;

/// About how many operations [`decay`] takes.
pub const OPERATIONS: usize = 19;

/// `exp(rate * min(0, x)) - 1`. With `t = tanh(rate * x / 2)`, it is `2 t / (1 - t)`, where nothing cancels since `t` is not positive.
#[inline(always)]
pub fn decay<A: Arithmetic>(a: &mut A, x: &A::Vector, rate: f64) -> A::Vector {
    let zero = a.constant("zero", 0.0);
    let least = a.constant("least", -RANGE);
    let half = a.constant("half_rate", (rate / 2.0) as f32);
    let two = a.constant("two", 2.0);
    let minus = a.constant("minus", -1.0);
    let below = a.min(&zero, x);
    let below = a.mul(&below, &half);
    let x = a.max(&least, &below);
    let square = a.mul(&x, &x);
    let upper = polynomial(a, &P, &UPPER, &square);
    let lower = polynomial(a, &Q, &LOWER, &square);
    let odd = a.mul(&x, &upper);
    let under = a.fma(&odd, &minus, &lower);
    let over = a.mul(&odd, &two);
    a.div(&over, &under)
}
