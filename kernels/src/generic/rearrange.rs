//! Operators that move pixels.

use super::{check, pitch};
use crate::shape::{Maps, Rearrange};

/// Copies each pixel from where it comes from.
///
/// # Panics
/// If the maps do not fit the operator.
pub fn rearrange(src: &[f32], maps: Maps, how: Rearrange, dst: &mut [f32]) {
    check("source", src, maps);
    let size = (maps.c, maps.h, maps.w);
    let (c, h, w) = how.output(size).expect("maps that fit the operator");
    check("destination", dst, Maps { c, h, w, ..maps });
    for (pixel, dst) in dst.chunks_exact_mut(pitch(c)).enumerate() {
        let (image, y, x) = (pixel / (h * w), pixel / w % h, pixel % w);
        dst.fill(0.0);
        for (channel, dst) in dst[..c].iter_mut().enumerate() {
            if let Some((from, y, x)) = how.source(size, (channel, y, x)) {
                *dst = src[((image * maps.h + y) * maps.w + x) * pitch(maps.c) + from];
            }
        }
    }
}
