//! Operators that move channels, and the conversions from NCHW to NHWC and back.

use super::{check, pitch};
use crate::runtime::layout;
use crate::shape::Maps;

/// Converts NCHW to NHWC rows of [`pitch`](super::pitch) floats.
pub fn pack(src: &[f32], maps: Maps, dst: &mut [f32]) {
    assert_eq!(src.len(), maps.len(), "length of the source");
    check("destination", dst, maps);
    let pixels = maps.pixels();
    for (row, dst) in dst.chunks_exact_mut(pitch(maps.c)).enumerate() {
        let image = &src[row / pixels * maps.c * pixels..];
        for c in 0..maps.c {
            dst[c] = image[c * pixels + row % pixels];
        }
        dst[maps.c..].fill(0.0);
    }
}

/// Converts NHWC rows back to NCHW.
pub fn unpack(src: &[f32], maps: Maps, dst: &mut [f32]) {
    check("source", src, maps);
    assert_eq!(dst.len(), maps.len(), "length of the destination");
    layout::unpack(src, pitch(maps.c), maps.n, maps.pixels(), maps.c, dst);
}

/// The channels of all sources, one source after another. Each source comes with its number of channels.
pub fn concat(sources: &[(&[f32], usize)], maps: Maps, dst: &mut [f32]) {
    assert_eq!(sources.iter().map(|source| source.1).sum::<usize>(), maps.c, "channels");
    check("destination", dst, maps);
    for &(src, c) in sources {
        check("source", src, Maps { c, ..maps });
    }
    for (row, dst) in dst.chunks_exact_mut(pitch(maps.c)).enumerate() {
        let mut lane = 0;
        for &(src, c) in sources {
            dst[lane..][..c].copy_from_slice(&src[row * pitch(c)..][..c]);
            lane += c;
        }
        dst[lane..].fill(0.0);
    }
}

/// Takes the channels as a matrix of `groups` rows and transposes it.
pub fn channel_shuffle(src: &[f32], maps: Maps, groups: usize, dst: &mut [f32]) {
    check("source", src, maps);
    check("destination", dst, maps);
    let (pitch, per_group) = (pitch(maps.c), maps.c / groups);
    for (src, dst) in src.chunks_exact(pitch).zip(dst.chunks_exact_mut(pitch)) {
        for group in 0..groups {
            for j in 0..per_group {
                dst[j * groups + group] = src[group * per_group + j];
            }
        }
        dst[maps.c..].fill(0.0);
    }
}

/// Channels, rows and columns in another order: dimension `i` of the result is dimension `order[i]` of the source.
pub fn transpose(src: &[f32], maps: Maps, order: [usize; 3], dst: &mut [f32]) {
    let sizes = [maps.c, maps.h, maps.w];
    let [c, h, w] = order.map(|from| sizes[from]);
    rearrange(src, maps, Maps { c, h, w, ..maps }, dst, |place| {
        let mut from = [0; 3];
        order.iter().zip(place).for_each(|(&dim, at)| from[dim] = at);
        from
    });
}

/// The same elements in the order of NCHW, under another shape.
pub fn reshape(src: &[f32], maps: Maps, to: Maps, dst: &mut [f32]) {
    assert_eq!(maps.len(), to.len(), "elements of {maps:?} and {to:?}");
    rearrange(src, maps, to, dst, |[c, y, x]| {
        let at = c * to.pixels() + y * to.w + x;
        [at / maps.pixels(), at / maps.w % maps.h, at % maps.w]
    });
}

/// Fills a map with the elements of another. `from` says which channel, row and column of an image becomes the given one.
fn rearrange(src: &[f32], maps: Maps, to: Maps, dst: &mut [f32], from: impl Fn([usize; 3]) -> [usize; 3]) {
    check("source", src, maps);
    check("destination", dst, to);
    for (row, dst) in dst.chunks_exact_mut(pitch(to.c)).enumerate() {
        let (n, pixel) = (row / to.pixels(), row % to.pixels());
        for c in 0..to.c {
            let [channel, y, x] = from([c, pixel / to.w, pixel % to.w]);
            dst[c] = src[(n * maps.pixels() + y * maps.w + x) * pitch(maps.c) + channel];
        }
        dst[to.c..].fill(0.0);
    }
}

/// The channels `begin..begin + len`.
pub fn slice(src: &[f32], maps: Maps, begin: usize, len: usize, dst: &mut [f32]) {
    check("source", src, maps);
    check("destination", dst, Maps { c: len, ..maps });
    for (src, dst) in src.chunks_exact(pitch(maps.c)).zip(dst.chunks_exact_mut(pitch(len))) {
        dst[..len].copy_from_slice(&src[..maps.c][begin..][..len]);
        dst[len..].fill(0.0);
    }
}

/// `exp(x) / sum(exp(x))` over the channels of every pixel; if `log`, the logarithm of that.
pub fn softmax(src: &[f32], maps: Maps, log: bool, dst: &mut [f32]) {
    check("source", src, maps);
    check("destination", dst, maps);
    dst.copy_from_slice(src);
    for row in dst.chunks_exact_mut(pitch(maps.c)) {
        layout::softmax(&mut row[..maps.c], [maps.c, 1], &[], log);
    }
}
