//! The operations that activations are computed with.

/// Arithmetic on vectors of f32, lane by lane. Each back end implements it: the generic kernels compute the values, the compiler
/// writes down the instructions.
///
/// Each activation says once, in these operations, how it is computed. So all back ends that fuse `fma` alike compute the same
/// bits.
pub trait Arithmetic {
    /// A vector.
    type Vector: Clone;

    /// One value in all lanes. The name is for readers of generated code.
    fn constant(&mut self, name: &str, value: f32) -> Self::Vector;

    /// `a + b`
    fn add(&mut self, a: &Self::Vector, b: &Self::Vector) -> Self::Vector;

    /// `a * b`
    fn mul(&mut self, a: &Self::Vector, b: &Self::Vector) -> Self::Vector;

    /// `a / b`
    fn div(&mut self, a: &Self::Vector, b: &Self::Vector) -> Self::Vector;

    /// `if a < b { a } else { b }`: a NaN in `b` wins.
    fn min(&mut self, a: &Self::Vector, b: &Self::Vector) -> Self::Vector;

    /// `if a > b { a } else { b }`: a NaN in `b` wins.
    fn max(&mut self, a: &Self::Vector, b: &Self::Vector) -> Self::Vector;

    /// `if a <= b { 0 } else { a }`: a NaN in `a` stays.
    fn above(&mut self, a: &Self::Vector, b: &Self::Vector) -> Self::Vector;

    /// `a * b + c`, rounded once on levels that fuse.
    fn fma(&mut self, a: &Self::Vector, b: &Self::Vector, c: &Self::Vector) -> Self::Vector;

    /// `min(high, max(low, x))`. An infinite end is left out; NaN stays NaN.
    fn clamp(&mut self, x: &Self::Vector, low: f32, high: f32) -> Self::Vector;

    /// `sqrt(a)`; NaN if `a` is negative.
    fn sqrt(&mut self, a: &Self::Vector) -> Self::Vector;

    /// The [`exponent`](crate::exponent).
    fn exponent(&mut self, a: &Self::Vector) -> Self::Vector;

    /// The [`mantissa`](crate::mantissa).
    fn mantissa(&mut self, a: &Self::Vector) -> Self::Vector;

    /// `2^n` of `n + 127 + 1.5 * 2^23`, for `n` from -127, whose power is zero, to 128, whose power is infinite.
    fn power_of_two(&mut self, a: &Self::Vector) -> Self::Vector;

    /// `exp(x)`, within two epsilons. It is infinite where the result is beyond the range of f32, and zero where it is below
    /// 1.7e-38.
    fn exponential(&mut self, x: &Self::Vector) -> Self::Vector;

    /// `1 / (1 + exp(-x))`, and that times `x` if `scaled`. The back end uses its own exponential.
    fn logistic(&mut self, x: &Self::Vector, scaled: bool) -> Self::Vector;
}
