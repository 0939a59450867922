//! Pooling, vectorised over channels.

use pulp::{Simd, WithSimd};

use super::simd::dispatch;
use super::{check, map_len, pitch};
use crate::runtime::Level;
use crate::shape::{Maps, Padding, Window};

/// The largest value of each window. Padding is never the largest; a NaN is.
pub fn max_pool(level: Level, src: &[f32], maps: Maps, window: &Window, dst: &mut [f32]) {
    run(level, src, maps, window, true, dst);
}

/// The mean of each window. Padding counts as zeros.
pub fn avg_pool(level: Level, src: &[f32], maps: Maps, window: &Window, dst: &mut [f32]) {
    run(level, src, maps, window, false, dst);
}

/// The mean of every channel of every image: `n` maps of 1x1.
pub fn global_avg_pool(level: Level, src: &[f32], maps: Maps, dst: &mut [f32]) {
    let window = Window::new((maps.h, maps.w), (1, 1), Padding::around(0));
    run(level, src, maps, &window, false, dst);
}

fn run(level: Level, src: &[f32], maps: Maps, window: &Window, max: bool, dst: &mut [f32]) {
    check("source", src, maps);
    assert_eq!(dst.len(), map_len(maps.under(window, maps.c)), "length of the destination");
    dispatch(level, PoolPass { src, maps, window, max, dst });
}

struct PoolPass<'a> {
    src: &'a [f32],
    maps: Maps,
    window: &'a Window,
    max: bool,
    dst: &'a mut [f32],
}

impl WithSimd for PoolPass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (rows, columns) = self.window.axes();
        let (src, dst) = (self.maps, self.maps.under(self.window, self.maps.c));
        let pitch = pitch(src.c);
        let taps = simd.splat_f32s(self.window.taps() as f32);
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
                    } else if self.max {
                        for (out, &value) in out.iter_mut().zip(values) {
                            // A NaN is taken because it is not equal to itself. It stays, because no value is greater.
                            let larger = simd.select_f32s(simd.greater_than_f32s(value, *out), value, *out);
                            *out = simd.select_f32s(simd.equal_f32s(value, value), larger, value);
                        }
                    } else {
                        for (out, &value) in out.iter_mut().zip(values) {
                            *out = simd.add_f32s(*out, value);
                        }
                    }
                }
            }
            if !self.max {
                for out in out {
                    *out = simd.div_f32s(*out, taps);
                }
            }
        }
    }
}
