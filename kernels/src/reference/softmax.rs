//! Softmax and its logarithm.

use super::{Value, check};
use crate::shape::Maps;

/// `exp(x) / sum(exp(x))` over the channels of each pixel; if `log`, the logarithm of that.
pub fn softmax<T: Value>(src: &[T], maps: Maps, log: bool) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let mut dst: Vec<f64> = src.iter().map(|&x| x.into()).collect();
    let pixels = maps.pixels();
    for image in dst.chunks_exact_mut(maps.c * pixels) {
        for pixel in 0..pixels {
            let places = || (0..maps.c).map(|c| c * pixels + pixel);
            // Subtracting the maximum does not change the result, and keeps the exponentials finite.
            let max = places().map(|at| image[at]).fold(f64::NEG_INFINITY, |max, x| if x > max || x.is_nan() { x } else { max });
            let sum = places().map(|at| (image[at] - max).exp()).sum::<f64>();
            places().for_each(|at| image[at] = if log { image[at] - max - sum.ln() } else { (image[at] - max).exp() / sum });
        }
    }
    dst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_log_probabilities() {
        let dst = softmax(&[1.0_f32, 2., 3., 500., 500., -500.], Maps::new(2, 3, 1, 1), true);
        for row in dst.chunks_exact(3) {
            assert!((row.iter().map(|x| x.exp()).sum::<f64>() - 1.0).abs() < 1e-15);
        }
        assert!((dst[2] + 0.407_605_964_444_380_3).abs() < 1e-15, "{}", dst[2]);
        assert!(softmax(&[f32::NAN, 0.0], Maps::new(1, 2, 1, 1), true).iter().all(|x| x.is_nan()));
    }

    #[test]
    fn every_pixel_is_a_distribution() {
        let (src, maps) = ([1.0_f32, 900., 3., 4., 5., 6., 7., 8.], Maps::new(2, 2, 1, 2));
        let (shares, logs) = (softmax(&src, maps, false), softmax(&src, maps, true));
        for (a, b) in [(0, 2), (1, 3), (4, 6), (5, 7)] {
            assert!((shares[a] + shares[b] - 1.0).abs() < 1e-15, "{shares:?}");
        }
        assert!(shares.iter().zip(&logs).all(|(share, log)| (share - log.exp()).abs() < 1e-15));
    }
}
