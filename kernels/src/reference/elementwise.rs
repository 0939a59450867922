//! Sums and products of maps.

use super::{Value, check};
use crate::shape::Maps;

/// `dst = a; dst[:, :b_channels] += b`: the sum of two maps, and ReXNet's partial shortcut, where `b` has fewer channels.
pub fn add<T: Value>(a: &[T], maps: Maps, b: &[T], b_channels: usize) -> Vec<f64> {
    check("first term", a.len(), maps.len());
    check("second term", b.len(), Maps { c: b_channels, ..maps }.len());
    assert!(b_channels <= maps.c, "the second term has {b_channels} channels, the first {}", maps.c);
    let mut dst: Vec<f64> = a.iter().map(|&x| x.into()).collect();
    let (image, part) = (maps.c * maps.pixels(), b_channels * maps.pixels());
    for n in 0..maps.n {
        for (x, &y) in dst[n * image..].iter_mut().zip(&b[n * part..][..part]) {
            *x += y.into();
        }
    }
    dst
}

/// `src * gate`, where the gate is `[n, c]`.
pub fn mul<T: Value>(src: &[T], maps: Maps, gate: &[T]) -> Vec<f64> {
    check("source", src.len(), maps.len());
    check("gate", gate.len(), maps.n * maps.c);
    src.iter().enumerate().map(|(i, &x)| x.into() * gate[i / maps.pixels()].into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_sum_leaves_the_other_channels() {
        let a = [1.0_f32, 2., 3., 4., 5., 6., 7., 8.];
        assert_eq!(add(&a, Maps::new(2, 2, 1, 2), &[10., 20., 30., 40.], 1), [11., 22., 3., 4., 35., 46., 7., 8.]);
        assert_eq!(add(&a, Maps::new(2, 2, 1, 2), &a, 2), a.map(|x| f64::from(2. * x)));
    }

    #[test]
    fn a_gate_scales_its_channel() {
        let dst = mul(&[1.0_f32, 2., 3., 4., 5., 6., 7., 8.], Maps::new(2, 2, 1, 2), &[1., 10., 0., -1.]);
        assert_eq!(dst, [1., 2., 30., 40., 0., 0., -7., -8.]);
    }
}
