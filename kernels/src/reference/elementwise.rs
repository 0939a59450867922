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

/// `op(a, b)` of each element of `a` and the element of `b` that it meets. `b` has as many images, and its channels and its
/// pixels are as many as those of `a`, or one that is repeated.
pub fn binary<T: Value>(a: &[T], maps: Maps, b: &[T], b_maps: Maps, op: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    check("first operand", a.len(), maps.len());
    check("second operand", b.len(), b_maps.len());
    assert!(maps.meets(b_maps), "{b_maps:?} do not meet {maps:?}");
    let pixels = maps.pixels();
    let at = |i: usize| {
        let (plane, pixel) = (i / pixels, i % pixels);
        let plane = if b_maps.c == 1 { plane / maps.c } else { plane };
        plane * b_maps.pixels() + if b_maps.pixels() == 1 { 0 } else { pixel }
    };
    a.iter().enumerate().map(|(i, &x)| op(x.into(), b[at(i)].into())).collect()
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
        let (a, maps) = ([1.0_f32, 2., 3., 4., 5., 6., 7., 8.], Maps::new(2, 2, 1, 2));
        let dst = binary(&a, maps, &[1., 10., 0., -1.], Maps::new(2, 2, 1, 1), |x, gate| x * gate);
        assert_eq!(dst, [1., 2., 30., 40., 0., 0., -7., -8.]);
    }

    #[test]
    fn a_second_operand_is_repeated_where_it_has_one_element() {
        let (a, maps) = ([1.0_f32, 2., 3., 4., 5., 6., 7., 8.], Maps::new(2, 2, 1, 2));
        let minus = |b: &[f32], b_maps| binary(&a, maps, b, b_maps, |a, b| a - b);
        assert_eq!(minus(&a, maps), [0.0; 8]);
        assert_eq!(minus(&[1., 2., 0., 1.], Maps { c: 1, ..maps }), [0., 0., 2., 2., 5., 5., 7., 7.]);
        assert_eq!(minus(&[1., 2.], Maps::new(2, 1, 1, 1)), [0., 1., 2., 3., 3., 4., 5., 6.]);
    }
}
