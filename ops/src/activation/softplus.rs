//! `log(1 + exp(x))`

use std::f64::consts::LN_2;

use super::function::Function;
use super::polynomial::{U, polynomial};
use crate::Arithmetic;

/// The smooth form of the rectifier.
#[derive(Clone, Copy)]
pub struct Softplus;

/// `x * UPPER(x) / LOWER(x)` is `log(1 + x)` with a relative error below 3e-8 on [0, 1]. The coefficients begin with the constant
/// term. They are fitted as those of [`Gelu`](super::Activation::Gelu), but to the relative error.
const UPPER: [f32; 4] = [1.0, 1.068_132_5, 0.239_239_53, 0.003_448_579];
/// See [`UPPER`].
const LOWER: [f32; 4] = [1.0, 1.568_132_4, 0.689_974_84, 0.075_702_146];

/// Names of the second coefficients. Others than those of the exponential.
const V: [&str; 8] = ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"];

impl Function for Softplus {
    const WORD: &'static str = "softplus";

    fn at(&self, x: f64) -> f64 {
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    }

    /// It is the rectifier plus `log(1 + exp(-|x|))`.
    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let zero = a.constant("zero", 0.0);
        let minus = a.constant("minus", -1.0);
        let negative = a.mul(x, &minus);
        let argument = a.min(&negative, x);
        let power = a.exponential(&argument);
        let upper = polynomial(a, &U, &UPPER, &power);
        let lower = polynomial(a, &V, &LOWER, &power);
        let over = a.mul(&power, &upper);
        let logarithm = a.div(&over, &lower);
        let above = a.max(&zero, x);
        a.add(&above, &logarithm)
    }

    fn operations(&self) -> usize {
        28
    }

    /// The slope grows to one.
    fn slope(&self, _: f64) -> f64 {
        1.0
    }

    fn largest(&self, max: f64) -> f64 {
        max + LN_2
    }

    /// The exponential, the polynomials, a product, a quotient and a sum. The largest error that tests find is 2.4 epsilons; it is
    /// doubled.
    fn roundings(&self) -> f64 {
        5.0
    }

    fn step(&self) -> Option<f64> {
        None
    }
}
