//! What the file of an activation must say of it.

use super::{Parameter, Scale};
use crate::Arithmetic;

/// An elementwise function. Each has a file of its own, which says all there is to know of it.
pub trait Function: Copy {
    /// Its word in problem lines and kernel names, without its parameters.
    const WORD: &'static str;

    /// Its parameters.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    /// Whether there is such a function.
    fn is_valid(&self) -> bool {
        self.parameters().iter().all(|parameter| parameter.value().is_finite())
    }

    /// Its definition: the result for `x` in f64. NaN stays NaN.
    fn at(&self, x: f64) -> f64;

    /// How it is computed in f32.
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector;

    /// The ends between which it clamps, if clamping is all that it does.
    fn clamp(&self) -> Option<(f32, f32)> {
        None
    }

    /// About how many operations [`compute`](Self::compute) takes; an exponential counts as a dozen.
    fn operations(&self) -> usize;

    /// The largest magnitude of its slope. An error of the argument grows by at most this factor.
    fn slope(&self) -> f64;

    /// An upper bound of the magnitude of its results, for arguments of at most `max` in magnitude.
    fn largest(&self, max: f64) -> f64;

    /// The error that its own roundings make in f32, in epsilons of its largest result; zero if it does not round.
    fn roundings(&self) -> f64;

    /// The value that its error is relative to, for a single value: its argument or its result.
    fn scale(&self) -> Scale {
        Scale::Result
    }

    /// How much finer the results are than the arguments, if it does not round: arguments that are multiples of `s` give results
    /// that are multiples of `s` times this number. `None` if it rounds.
    fn step(&self) -> Option<f64>;

    /// The mean square of its results, if its arguments have a normal distribution about zero with the mean square `of`. If
    /// `rectified`, the arguments have been through a rectifier before.
    fn mean_square(&self, of: f64, rectified: bool) -> f64;
}
