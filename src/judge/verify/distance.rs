//! The distance of computed values from exact ones.

use sartor_kernels::reference::bound;
use sartor_kernels::shape::Maps;

/// The error and the bound of one element: the one, of a layer's, that takes most of its bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// The absolute error; infinite if only one of the two values is finite.
    pub error: f64,
    /// The largest error that rounding can explain.
    pub bound: f64,
}

impl Distance {
    /// The error divided by the bound.
    pub fn ratio(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.bound }
    }

    /// Whether the error is within the bound. NaN never is.
    pub fn holds(&self) -> bool {
        self.ratio() <= 1.0
    }

    /// The largest distance over all elements, NCHW, of rows, `[n][h]`, that were written. If no row was written, it is infinite.
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

    /// The distance with the larger ratio. A ratio of NaN counts as larger than any other.
    pub(super) fn larger(self, other: Self) -> Self {
        if other.ratio() <= self.ratio() || self.ratio().is_nan() { self } else { other }
    }
}
