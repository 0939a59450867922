//! What activations are computed with.

/// Arithmetic on vectors of f32, lane by lane, as a back end has it: generic kernels compute with it, the compiler writes it down.
///
/// An activation says once, with these operations, how it is computed; so every back end gives the same bits where it fuses `fma`
/// alike.
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

    /// `a * b + c`, rounded once where the level fuses.
    fn fma(&mut self, a: &Self::Vector, b: &Self::Vector, c: &Self::Vector) -> Self::Vector;

    /// `min(high, max(low, x))`, without the ends that are infinite; NaN stays NaN.
    fn clamp(&mut self, x: &Self::Vector, low: f32, high: f32) -> Self::Vector;

    /// `1 / (1 + exp(-x))`, times `x` if `scaled`, by the back end's own exponential.
    fn logistic(&mut self, x: &Self::Vector, scaled: bool) -> Self::Vector;
}
