//! `min(high, max(low, x))`

use super::Parameter;
use super::function::Function;
use crate::Arithmetic;

/// The clamp between two ends. Either may be infinite.
#[derive(Clone, Copy)]
pub struct Clip {
    /// The lower end.
    pub low: Parameter,
    /// The upper end.
    pub high: Parameter,
}

impl Clip {
    fn ends(self) -> [f64; 2] {
        [self.low, self.high].map(|end| end.value().into())
    }
}

impl Function for Clip {
    const WORD: &'static str = "clip";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.low, self.high]
    }

    fn is_valid(&self) -> bool {
        let [low, high] = self.ends();
        low <= high && low < f64::INFINITY && high > f64::NEG_INFINITY
    }

    fn at(&self, x: f64) -> f64 {
        let [low, high] = self.ends();
        // A comparison with NaN is false, so NaN stays.
        let above = if x < low { low } else { x };
        if above > high { high } else { above }
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        a.clamp(x, self.low.value(), self.high.value())
    }

    fn clamp(&self) -> Option<(f32, f32)> {
        Some((self.low.value(), self.high.value()))
    }

    fn operations(&self) -> usize {
        self.ends().into_iter().filter(|end| end.is_finite()).count()
    }

    fn slope(&self, _: f64) -> f64 {
        1.0
    }

    fn largest(&self, max: f64) -> f64 {
        self.at(max).abs().max(self.at(-max).abs())
    }

    fn roundings(&self) -> f64 {
        0.0
    }

    /// The ends are multiples of it, if they are multiples of a small power of two.
    fn step(&self) -> Option<f64> {
        let ends = self.ends().into_iter().filter(|end| end.is_finite());
        let is_step = |step: &f64| ends.clone().all(|end| end % step == 0.0);
        (0..8).map(|exponent| 0.5_f64.powi(exponent)).find(is_step)
    }
}
