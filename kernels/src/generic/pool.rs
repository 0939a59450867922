//! Pooling, vectorised over channels.

use pulp::{Simd, WithSimd};

use super::simd::dispatch;
use super::{check, map_len, pitch};
use crate::runtime::Level;
use crate::shape::{Maps, Padding, Reduction, Window};

/// The largest value of each window. Padding is never the largest; a NaN is.
pub fn max_pool(level: Level, src: &[f32], maps: Maps, window: &Window, dst: &mut [f32]) {
    run(level, src, maps, window, Reduction::Max, Padding::NONE, dst);
}

/// The mean of each window. The padding of the rows and of the columns that is `counted` counts as zeros.
pub fn avg_pool(level: Level, src: &[f32], maps: Maps, window: &Window, counted: (Padding, Padding), dst: &mut [f32]) {
    run(level, src, maps, window, Reduction::Mean, counted, dst);
}

/// All pixels of every channel of every image, reduced to one: `n` maps of 1x1.
pub fn reduce(level: Level, src: &[f32], maps: Maps, reduction: Reduction, dst: &mut [f32]) {
    let window = Window::new((maps.h, maps.w), (1, 1), Padding::NONE);
    run(level, src, maps, &window, reduction, Padding::NONE, dst);
}

fn run(
    level: Level,
    src: &[f32],
    maps: Maps,
    window: &Window,
    reduction: Reduction,
    counted: (Padding, Padding),
    dst: &mut [f32],
) {
    check("source", src, maps);
    assert_eq!(dst.len(), map_len(maps.under(window, maps.c)), "length of the destination");
    dispatch(level, PoolPass { src, maps, window, reduction, counted, dst });
}

struct PoolPass<'a> {
    src: &'a [f32],
    maps: Maps,
    window: &'a Window,
    reduction: Reduction,
    counted: (Padding, Padding),
    dst: &'a mut [f32],
}

impl WithSimd for PoolPass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (rows, columns) = self.window.axes();
        let (src, dst) = (self.maps, self.maps.under(self.window, self.maps.c));
        let counted = (rows.counting(self.counted.0, src.h), columns.counting(self.counted.1, src.w));
        let pitch = pitch(src.c);
        for (pixel, out) in self.dst.chunks_exact_mut(pitch).enumerate() {
            let (image, y, x) = (pixel / dst.pixels(), pixel % dst.pixels() / dst.w, pixel % dst.w);
            let out = S::as_mut_simd_f32s(out).0;
            let mut first = true;
            for ky in rows.taps(y, src.h) {
                for kx in columns.taps(x, src.w) {
                    let from = (image * src.h + rows.input(y, ky)) * src.w + columns.input(x, kx);
                    let values = S::as_simd_f32s(&self.src[from * pitch..][..pitch]).0;
                    if first {
                        out.copy_from_slice(values);
                        first = false;
                        continue;
                    }
                    for (out, &value) in out.iter_mut().zip(values) {
                        let beyond = match self.reduction {
                            Reduction::Mean | Reduction::Sum => {
                                *out = simd.add_f32s(*out, value);
                                continue;
                            }
                            Reduction::Max => simd.greater_than_f32s(value, *out),
                            Reduction::Min => simd.less_than_f32s(value, *out),
                        };
                        // A NaN is taken because it is not equal to itself. It stays, because no value is beyond it.
                        let taken = simd.select_f32s(beyond, value, *out);
                        *out = simd.select_f32s(simd.equal_f32s(value, value), taken, value);
                    }
                }
            }
            if self.reduction == Reduction::Mean {
                let ((rows, h), (columns, w)) = counted;
                let count = simd.splat_f32s((rows.taps(y, h).len() * columns.taps(x, w).len()) as f32);
                for out in out {
                    *out = simd.div_f32s(*out, count);
                }
            }
        }
    }
}
