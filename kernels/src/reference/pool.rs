//! Pooling.

use super::{Value, check};
use crate::shape::{Maps, Padding, Reduction, Window};

/// The largest value of each window. Padding is never the largest; a NaN is.
pub fn max_pool<T: Value>(src: &[T], maps: Maps, window: &Window) -> Vec<f64> {
    pool(src, maps, window, |_, values| largest(values))
}

/// The mean of each window. The padding of the rows and of the columns that is `counted` counts as zeros.
pub fn avg_pool<T: Value>(src: &[T], maps: Maps, window: &Window, counted: (Padding, Padding)) -> Vec<f64> {
    let (rows, columns) = window.axes();
    let ((rows, h), (columns, w)) = (rows.counting(counted.0, maps.h), columns.counting(counted.1, maps.w));
    pool(src, maps, window, |(y, x), values| values.sum::<f64>() / (rows.taps(y, h).len() * columns.taps(x, w).len()) as f64)
}

/// All pixels of every channel of every image, reduced to one. The result is `[n, c]`.
pub fn reduce<T: Value>(src: &[T], maps: Maps, reduction: Reduction) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let one = |plane: &[T]| {
        let mut values = plane.iter().map(|&x| x.into());
        match reduction {
            Reduction::Mean => values.sum::<f64>() / plane.len() as f64,
            Reduction::Sum => values.sum(),
            Reduction::Max => largest(&mut values),
            Reduction::Min => -largest(&mut values.map(|x| -x)),
        }
    };
    src.chunks_exact(maps.pixels()).map(one).collect()
}

/// The largest value; NaN if one is NaN.
fn largest(values: &mut dyn Iterator<Item = f64>) -> f64 {
    values.fold(f64::NEG_INFINITY, |max, x| if x > max || x.is_nan() { x } else { max })
}

/// Applies `reduce` to the place of each output and the values of its window that are not padding.
fn pool<T: Value>(
    src: &[T],
    maps: Maps,
    window: &Window,
    reduce: impl Fn((usize, usize), &mut dyn Iterator<Item = f64>) -> f64,
) -> Vec<f64> {
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
                dst.push(reduce((y, x), &mut values));
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
        let window = Window::square(3, 2, 1);
        assert_eq!(avg_pool(&COUNTED, MAPS, &window, window.padding), [8. / 9., 12. / 9., 20. / 9., 24. / 9.]);
        assert_eq!(avg_pool(&COUNTED, MAPS, &window, Padding::NONE), [2., 3., 5., 6.]);
        let in_front = Padding { before: 1, after: 0 };
        assert_eq!(avg_pool(&COUNTED, MAPS, &window, (in_front, in_front)), [8. / 9., 12. / 6., 20. / 6., 24. / 4.]);
    }

    #[test]
    fn reductions() {
        let two = [COUNTED, COUNTED.map(|x| -2. * x)].concat();
        let maps = Maps::new(2, 1, 3, 3);
        let all = Reduction::ALL.map(|reduction| reduce(&two, maps, reduction));
        assert_eq!(all, [[4., -8.], [36., -72.], [8., 0.], [0., -16.]]);
        let with_nan = [1.0, f32::NAN, 3.0];
        for reduction in Reduction::ALL {
            assert!(reduce(&with_nan, Maps::new(1, 1, 1, 3), reduction)[0].is_nan(), "{reduction:?}");
        }
    }
}
