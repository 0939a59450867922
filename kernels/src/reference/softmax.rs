//! Log-softmax.

use super::Value;

/// `x - log(sum(exp(x)))` over rows of `channels` values.
pub fn log_softmax<T: Value>(src: &[T], channels: usize) -> Vec<f64> {
    let mut dst: Vec<f64> = src.iter().map(|&x| x.into()).collect();
    for row in dst.chunks_exact_mut(channels) {
        // Subtracting the maximum does not change the result, and keeps the exponentials finite.
        let max = row.iter().fold(f64::NEG_INFINITY, |max, &x| if x > max || x.is_nan() { x } else { max });
        let log_sum = row.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
        row.iter_mut().for_each(|x| *x = *x - max - log_sum);
    }
    dst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_log_probabilities() {
        let dst = log_softmax(&[1.0_f32, 2., 3., 500., 500., -500.], 3);
        for row in dst.chunks_exact(3) {
            assert!((row.iter().map(|x| x.exp()).sum::<f64>() - 1.0).abs() < 1e-15);
        }
        assert!((dst[2] + 0.407_605_964_444_380_3).abs() < 1e-15, "{}", dst[2]);
        assert!(log_softmax(&[f32::NAN, 0.0], 2).iter().all(|x| x.is_nan()));
    }
}
