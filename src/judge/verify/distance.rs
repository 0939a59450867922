//! How far values are from the exact ones.

use sartor_kernels::reference::bound;
use sartor_kernels::shape::Maps;

/// How far a value is from the exact one: at the element that is furthest from it, measured by how far it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// Absolute error; infinite where only one of both is finite.
    pub error: f64,
    /// Largest error that rounding explains.
    pub bound: f64,
}

impl Distance {
    /// Part of the bound that the error takes.
    pub fn ratio(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.bound }
    }

    /// Whether the error is within the bound; never for NaN.
    pub fn holds(&self) -> bool {
        self.ratio() <= 1.0
    }

    /// Of all elements, NCHW, in rows, `[n][h]`, that were written; an infinite one if there are none.
    pub(super) fn largest(found: &[f32], exact: &[f64], bound: impl Fn(usize) -> f64, maps: Maps, written: &[bool]) -> Self {
        assert!(found.len() == maps.len() && exact.len() == maps.len(), "{} and {} of {maps:?}", found.len(), exact.len());
        let row = |i: usize| i / (maps.c * maps.pixels()) * maps.h + i / maps.w % maps.h;
        let at = |i: usize| {
            let (error, _) = bound::largest_error(&found[i..=i], &exact[i..=i]);
            Self { error, bound: bound(i) }
        };
        let elements = (0..found.len()).filter(|&i| written[row(i)]).map(at);
        elements.reduce(Self::larger).unwrap_or(Self { error: f64::INFINITY, bound: 0.0 })
    }

    /// The one that takes more of its bound. A ratio of NaN is never smaller: it stays.
    pub(super) fn larger(self, other: Self) -> Self {
        if other.ratio() <= self.ratio() || self.ratio().is_nan() { self } else { other }
    }
}
