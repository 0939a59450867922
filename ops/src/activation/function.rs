//! What an activation must say of itself.

use super::{Parameter, Scale};
use crate::Arithmetic;

/// An elementwise function: each has a file that says all there is to know of it.
pub trait Function: Copy {
    /// Its word in problem lines and in names of kernels, without its parameter.
    const WORD: &'static str;

    /// Its parameter, if it has one.
    fn parameter(&self) -> Option<Parameter> {
        None
    }

    /// Its definition. NaN stays NaN.
    fn at(&self, x: f64) -> f64;

    /// How it is computed.
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector;

    /// The ends between which it clamps, if that is all it does.
    fn clamp(&self) -> Option<(f32, f32)> {
        None
    }

    /// Operations of [`compute`](Self::compute), about: an exponential is a dozen.
    fn operations(&self) -> usize;

    /// Its largest slope in magnitude: what an error of the argument is multiplied by, at most.
    fn slope(&self) -> f64;

    /// Its largest magnitude over arguments of at most `max`, or more.
    fn largest(&self, max: f64) -> f64;

    /// Its own error in f32, in epsilons of its largest result: zero if it does not round.
    fn roundings(&self) -> f64;

    /// What its error is small beside, value by value.
    fn scale(&self) -> Scale {
        Scale::Result
    }

    /// How much finer results are than their arguments, if it rounds nothing: of multiples of `s` it makes multiples of `s` times this.
    fn step(&self) -> Option<f64>;

    /// The mean square of its results for arguments of a normal distribution about zero whose mean square is `of`, or for what was
    /// `rectified` before.
    fn mean_square(&self, of: f64, rectified: bool) -> f64;
}
