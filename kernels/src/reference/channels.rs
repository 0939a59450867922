//! Operators that move channels.

use super::{Value, check};
use crate::shape::Maps;

/// The channels of all sources, one source after another. Each source comes with its number of channels; `maps.c` is not used.
pub fn concat<T: Value>(sources: &[(&[T], usize)], maps: Maps) -> Vec<f64> {
    for (src, c) in sources {
        check("source", src.len(), Maps { c: *c, ..maps }.len());
    }
    let mut dst = Vec::new();
    for n in 0..maps.n {
        for (src, c) in sources {
            let image = c * maps.pixels();
            dst.extend(src[n * image..][..image].iter().map(|&x| x.into()));
        }
    }
    dst
}

/// Takes the channels as a matrix of `groups` rows and transposes it: `dst[:, j * groups + g] = src[:, g * (c / groups) + j]`.
pub fn channel_shuffle<T: Value>(src: &[T], maps: Maps, groups: usize) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let per_group = maps.c / groups;
    let mut dst = Vec::with_capacity(src.len());
    for n in 0..maps.n {
        for c in 0..maps.c {
            let from = n * maps.c + c % groups * per_group + c / groups;
            dst.extend(src[from * maps.pixels()..][..maps.pixels()].iter().map(|&x| x.into()));
        }
    }
    dst
}

/// Channels, rows and columns in another order: dimension `i` of the result is dimension `order[i]` of the source.
pub fn transpose<T: Value>(src: &[T], maps: Maps, order: [usize; 3]) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let (sizes, steps) = ([maps.c, maps.h, maps.w], [maps.pixels(), maps.w, 1]);
    let [c, h, w] = order.map(|from| sizes[from]);
    let by = order.map(|from| steps[from]);
    let mut dst = Vec::with_capacity(src.len());
    for image in src.chunks_exact(sizes.iter().product()) {
        for i in 0..c * h * w {
            dst.push(image[i / (h * w) * by[0] + i / w % h * by[1] + i % w * by[2]].into());
        }
    }
    dst
}

/// The channels `begin..begin + len`.
pub fn slice<T: Value>(src: &[T], maps: Maps, begin: usize, len: usize) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let pixels = maps.pixels();
    let image = |image: &[T]| image[begin * pixels..][..len * pixels].iter().map(|&x| x.into()).collect::<Vec<f64>>();
    src.chunks_exact(maps.c * pixels).flat_map(image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concat_keeps_images_together() {
        let dst = concat(&[(&[1.0_f32, 2.][..], 1), (&[10., 11., 20., 21.][..], 2)], Maps::new(2, 3, 1, 1));
        assert_eq!(dst, [1., 10., 11., 2., 20., 21.]);
    }

    #[test]
    fn shuffle_transposes_the_groups() {
        let src = [0.0_f32, 1., 2., 3., 4., 5.];
        assert_eq!(channel_shuffle(&src, Maps::new(1, 6, 1, 1), 2), [0., 3., 1., 4., 2., 5.]);
        assert_eq!(channel_shuffle(&src, Maps::new(1, 6, 1, 1), 3), [0., 2., 4., 1., 3., 5.]);
        assert_eq!(channel_shuffle(&src, Maps::new(3, 2, 1, 1), 2), [0., 1., 2., 3., 4., 5.]);
    }

    #[test]
    fn transposing_moves_whole_images() {
        let src = [0.0_f32, 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11.];
        assert_eq!(transpose(&src, Maps::new(1, 2, 2, 3), [1, 2, 0]), [0., 6., 1., 7., 2., 8., 3., 9., 4., 10., 5., 11.]);
        assert_eq!(transpose(&src, Maps::new(2, 1, 2, 3), [0, 2, 1]), [0., 3., 1., 4., 2., 5., 6., 9., 7., 10., 8., 11.]);
        assert_eq!(transpose(&src, Maps::new(2, 3, 2, 1), [0, 1, 2]), src.map(f64::from));
    }

    #[test]
    fn a_slice_takes_the_same_channels_of_each_image() {
        let src = [0.0_f32, 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11.];
        assert_eq!(slice(&src, Maps::new(2, 3, 1, 2), 1, 1), [2., 3., 8., 9.]);
        assert_eq!(slice(&src, Maps::new(2, 3, 1, 2), 1, 2), [2., 3., 4., 5., 8., 9., 10., 11.]);
        assert_eq!(slice(&src, Maps::new(2, 3, 1, 2), 0, 3), src.map(f64::from));
    }
}
