//! Batch norm with running statistics.

use super::{Value, check};
use crate::shape::Maps;

/// The parameters of a batch norm, named as in PyTorch. Each is `[c]`.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a> {
    /// `weight`
    pub weight: &'a [f32],
    /// `bias`
    pub bias: &'a [f32],
    /// `running_mean`
    pub mean: &'a [f32],
    /// `running_var`
    pub var: &'a [f32],
    /// Added to the variance.
    pub eps: f64,
}

impl BatchNorm<'_> {
    /// The `scale` and `shift` with which the batch norm of channel `c` is `scale * x + shift`.
    pub fn affine(&self, c: usize) -> (f64, f64) {
        let scale = f64::from(self.weight[c]) / (f64::from(self.var[c]) + self.eps).sqrt();
        (scale, f64::from(self.bias[c]) - f64::from(self.mean[c]) * scale)
    }
}

/// `(src - mean) / sqrt(var + eps) * weight + bias`, channel by channel.
pub fn batch_norm<T: Value>(src: &[T], maps: Maps, norm: &BatchNorm<'_>) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let mut dst = Vec::with_capacity(src.len());
    for (plane, values) in src.chunks_exact(maps.pixels()).enumerate() {
        let c = plane % maps.c;
        let (mean, scale) = (f64::from(norm.mean[c]), norm.affine(c).0);
        dst.extend(values.iter().map(|&x| (x.into() - mean) * scale + f64::from(norm.bias[c])));
    }
    dst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_its_own_statistics() {
        let norm = BatchNorm { weight: &[2., -1.], bias: &[1., 0.5], mean: &[3., 0.], var: &[3.75, 0.], eps: 0.25 };
        let src = [3.0_f32, 5.0, 1.0, -1.0, 1.0, 3.0, 0.0, 2.0];
        let dst = batch_norm(&src, Maps::new(2, 2, 1, 2), &norm);
        assert_eq!(dst, [1., 3., -1.5, 2.5, -1., 1., 0.5, -3.5]);
        for (i, (&x, y)) in src.iter().zip(dst).enumerate() {
            let (scale, shift) = norm.affine(i / 2 % 2);
            assert_eq!(scale * f64::from(x) + shift, y);
        }
    }
}
