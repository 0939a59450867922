//! What the file of an activation must say of it.

use super::{Parameter, Scale};
use crate::Arithmetic;

/// How far a normal distribution reaches, in its deviations.
const REACH: f64 = 6.0;

/// The steps of a sum over a normal distribution, in each direction.
const STEPS: i32 = 300;

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

    /// The ends between which its slope and its results are moderate. Tests draw arguments between them.
    fn tame(&self) -> (f32, f32) {
        (f32::NEG_INFINITY, f32::INFINITY)
    }

    /// The largest magnitude of its slope for arguments of at most `max` in magnitude. An error of the argument grows by at most
    /// this factor. If the slope is infinite at zero, this holds for arguments from the lower end of [`tame`](Self::tame) on.
    fn slope(&self, max: f64) -> f64;

    /// An upper bound of the magnitude of its results, for arguments of at most `max` in magnitude. If it has a pole at
    /// zero, this holds for arguments from the lower end of [`tame`](Self::tame) on.
    fn largest(&self, max: f64) -> f64;

    /// The error that its own roundings make in f32, in epsilons of its largest result; zero if it does not round.
    fn roundings(&self) -> f64;

    /// The value that its error is relative to, for a single value.
    fn scale(&self) -> Scale {
        Scale::Result
    }

    /// How much finer the results are than the arguments, if it does not round: arguments that are multiples of `s` give results
    /// that are multiples of `s` times this number. `None` if it rounds.
    fn step(&self) -> Option<f64>;

    /// The mean square of its results, if its arguments have a normal distribution about zero with the mean square `of`. If
    /// `rectified`, the arguments have been through a rectifier before. Arguments are taken to the ends of [`tame`](Self::tame).
    fn mean_square(&self, of: f64, rectified: bool) -> f64 {
        let (low, high) = self.tame();
        let squares = (-STEPS..=STEPS).map(|step| {
            let x = f64::from(step) * REACH / f64::from(STEPS);
            let argument = if rectified { x.abs() } else { x } * of.sqrt();
            let result = self.at(argument.max(low.into()).min(high.into()));
            let weight = (-x * x / 2.0).exp();
            [result * result * weight, weight]
        });
        let [sum, weights] = squares.fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
        // Few digits are the same on all platforms, whose exponentials may differ in the last one.
        format!("{:.3e}", sum / weights).parse().unwrap_or(1.0)
    }
}
