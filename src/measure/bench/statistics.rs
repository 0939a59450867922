//! Percentiles of measured times.

/// Sorted samples.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Sorts the samples.
    ///
    /// # Panics
    /// If there are no samples.
    pub fn new(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "no samples");
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The number of samples; never zero.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The `p`-th percentile, `0..=100`, interpolated linearly between samples.
    pub fn percentile(&self, p: f64) -> f64 {
        let position = p / 100.0 * (self.0.len() - 1) as f64;
        let below = self.0[position.floor() as usize];
        let above = self.0[position.ceil() as usize];
        below + (above - below) * position.fract()
    }

    /// The 50th percentile.
    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    /// The 5th percentile: the time on an undisturbed core.
    pub fn quiet(&self) -> f64 {
        self.percentile(5.0)
    }

    /// The smallest.
    pub fn min(&self) -> f64 {
        self.0[0]
    }

    /// The largest.
    pub fn max(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// The share of the samples below a limit.
    pub fn share_below(&self, limit: f64) -> f64 {
        self.0.partition_point(|&value| value < limit) as f64 / self.0.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate() {
        let samples = Samples::new(vec![3.0, 1.0, 2.0, 4.0, 5.0]);
        assert_eq!([0.0, 25.0, 50.0, 95.0, 100.0].map(|p| samples.percentile(p)), [1.0, 2.0, 3.0, 4.8, 5.0]);
        assert_eq!((samples.min(), samples.max(), samples.median()), (1.0, 5.0, 3.0));
        assert_eq!(Samples::new(vec![7.0]).quiet(), 7.0);
        assert_eq!(samples.share_below(3.0), 0.4);
    }
}
