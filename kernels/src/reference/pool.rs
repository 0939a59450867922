//! Pooling.

use super::{Value, check};
use crate::shape::{Maps, Window};

/// The largest value of each window. Padding is never the largest; a NaN is.
pub fn max_pool<T: Value>(src: &[T], maps: Maps, window: &Window) -> Vec<f64> {
    pool(src, maps, window, |values| values.fold(f64::NEG_INFINITY, |max, x| if x > max || x.is_nan() { x } else { max }))
}

/// The mean of each window. With `count_include_pad`, PyTorch's default, padding counts as zeros. Without it, the mean is over
/// the values that exist.
pub fn avg_pool<T: Value>(src: &[T], maps: Maps, window: &Window, count_include_pad: bool) -> Vec<f64> {
    pool(src, maps, window, |values| {
        let (sum, count) = values.fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
        sum / if count_include_pad { window.taps() } else { count } as f64
    })
}

/// The mean of every channel of every image. The result is `[n, c]`.
pub fn global_avg_pool<T: Value>(src: &[T], maps: Maps) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let mean = |plane: &[T]| plane.iter().map(|&x| x.into()).sum::<f64>() / plane.len() as f64;
    src.chunks_exact(maps.pixels()).map(mean).collect()
}

/// Applies `reduce` to the values of each window that are not padding.
fn pool<T: Value>(src: &[T], maps: Maps, window: &Window, reduce: impl Fn(&mut dyn Iterator<Item = f64>) -> f64) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let dst_maps = maps.under(window, maps.c);
    let (rows, columns) = window.axes();
    let mut dst = Vec::with_capacity(dst_maps.len());
    for plane in src.chunks_exact(maps.pixels()) {
        for y in 0..dst_maps.h {
            for x in 0..dst_maps.w {
                let mut values = rows.taps(y, maps.h).flat_map(|ky| {
                    let row = rows.input(y, ky) * maps.w;
                    columns.taps(x, maps.w).map(move |kx| plane[row + columns.input(x, kx)].into())
                });
                dst.push(reduce(&mut values));
            }
        }
    }
    dst
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTED: [f32; 9] = [0., 1., 2., 3., 4., 5., 6., 7., 8.];
    const MAPS: Maps = Maps::new(1, 1, 3, 3);

    #[test]
    fn max() {
        assert_eq!(max_pool(&COUNTED, MAPS, &Window::square(3, 2, 1)), [4., 5., 7., 8.]);
        let negative = COUNTED.map(|x| -1.0 - x);
        assert_eq!(max_pool(&negative, MAPS, &Window::square(3, 2, 1)), [-1., -2., -4., -5.], "padding must not win");
        let mut with_nan = COUNTED;
        with_nan[0] = f32::NAN;
        let dst = max_pool(&with_nan, MAPS, &Window::square(2, 1, 0));
        assert!(dst[0].is_nan() && dst[1..] == [5., 7., 8.], "{dst:?}");
    }

    #[test]
    fn average() {
        assert_eq!(avg_pool(&COUNTED, MAPS, &Window::square(3, 2, 1), true), [8. / 9., 12. / 9., 20. / 9., 24. / 9.]);
        assert_eq!(avg_pool(&COUNTED, MAPS, &Window::square(3, 2, 1), false), [2., 3., 5., 6.]);
        assert_eq!(global_avg_pool(&[COUNTED, COUNTED.map(|x| 2. * x)].concat(), Maps::new(2, 1, 3, 3)), [4., 8.]);
    }
}
