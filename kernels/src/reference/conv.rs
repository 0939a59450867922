//! Convolutions and linear layers.

use std::ops::Range;

use pulp::NullaryFnOnce;

use super::{Value, check};
use crate::shape::{Conv, Maps, Window};

/// `dst[n, o, y, x] = bias[o] + Σ src[n, i, y * sh + ky - ph, x * sw + kx - pw] * weight[o, i, ky, kx]` over the input channels
/// `i` of the group of `o` and the taps that are not padding.
///
/// `weight` is `[oc, c / groups, kh, kw]`, `bias` `[oc]`.
pub fn conv2d<T: Value>(src: &[T], maps: Maps, weight: &[f32], bias: Option<&[f32]>, conv: &Conv) -> Vec<f64> {
    let ic = maps.c / conv.groups;
    check("source", src.len(), maps.len());
    check("weights", weight.len(), conv.oc * ic * conv.window.taps());
    let mut dst = vec![0.0; maps.under(&conv.window, conv.oc).len()];
    // This uses the vectors of the CPU. Rust never fuses a product with a sum, so every CPU computes the same bits.
    let products = Products { src, maps, weight, bias, conv, dst: &mut dst };
    match conv.window == Window::POINT {
        true => pulp::Arch::new().dispatch(Pointwise(products)),
        false => pulp::Arch::new().dispatch(Windowed(products)),
    }
    dst
}

/// A convolution to compute. Each output's sum runs over its input channels, then over the rows of its window, then over the
/// columns.
struct Products<'a, T> {
    src: &'a [T],
    maps: Maps,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    conv: &'a Conv,
    dst: &'a mut [f64],
}

/// Computes any convolution. The innermost loop runs over a row of outputs.
struct Windowed<'a, T>(Products<'a, T>);

impl<T: Value> NullaryFnOnce for Windowed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Products { src, maps, weight, conv, .. } = self.0;
        let (ic, oc) = (maps.c / conv.groups, conv.oc / conv.groups);
        let dst_maps = maps.under(&conv.window, conv.oc);
        let (rows, columns) = conv.window.axes();
        let (pixels, taps) = (maps.pixels(), conv.window.taps());
        // For each column of the window, the outputs for which it reads an input.
        let outputs: Vec<Range<usize>> = (0..columns.kernel).map(|kx| columns.outputs(kx, maps.w, dst_maps.w)).collect();
        for (row_index, sums) in self.0.dst.chunks_exact_mut(dst_maps.w).enumerate() {
            let (plane, y) = (row_index / dst_maps.h, row_index % dst_maps.h);
            let (n, o) = (plane / conv.oc, plane % conv.oc);
            sums.fill(self.0.bias.map_or(0.0, |bias| bias[o].into()));
            for i in 0..ic {
                let src = &src[(n * maps.c + o / oc * ic + i) * pixels..][..pixels];
                let weight = &weight[(o * ic + i) * taps..][..taps];
                for ky in rows.taps(y, maps.h) {
                    let src = &src[rows.input(y, ky) * maps.w..][..maps.w];
                    for (kx, xs) in outputs.iter().enumerate().filter(|(_, xs)| !xs.is_empty()) {
                        let w = f64::from(weight[ky * columns.kernel + kx]);
                        let (sums, src) = (&mut sums[xs.clone()], &src[columns.input(xs.start, kx)..]);
                        match columns.stride {
                            // The compiler vectorises this loop.
                            1 => sums.iter_mut().zip(src).for_each(|(sum, &x)| *sum += x.into() * w),
                            stride => sums.iter_mut().zip(src.iter().step_by(stride)).for_each(|(sum, &x)| *sum += x.into() * w),
                        }
                    }
                }
            }
        }
    }
}

/// Computes a 1x1 convolution, which is a matrix product. The sums of several channels at several pixels are computed side by
/// side.
struct Pointwise<'a, T>(Products<'a, T>);

impl<T: Value> NullaryFnOnce for Pointwise<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const CHANNELS: usize = 4;
        const PIXELS: usize = 16;
        let Products { src, maps, weight, bias, conv, dst } = self.0;
        let (ic, oc) = (maps.c / conv.groups, conv.oc / conv.groups);
        let pixels = maps.pixels();
        let mut panel = vec![[0.0; PIXELS]; ic];
        for (index, src) in src.chunks_exact(ic * pixels).enumerate() {
            let (image, group) = (index / conv.groups, index % conv.groups);
            for begin in (0..pixels).step_by(PIXELS) {
                // There may be fewer pixels at the end. The rest of their panel is not used.
                let count = PIXELS.min(pixels - begin);
                for (xs, plane) in panel.iter_mut().zip(src.chunks_exact(pixels)) {
                    xs.iter_mut().zip(&plane[begin..][..count]).for_each(|(x, &src)| *x = src.into());
                }
                for first in (0..oc).step_by(CHANNELS) {
                    // There may be fewer channels at the end. The last one is then computed more than once.
                    let channels: [usize; CHANNELS] = std::array::from_fn(|channel| group * oc + (first + channel).min(oc - 1));
                    let weights = channels.map(|o| &weight[o * ic..][..ic]);
                    let mut sums = channels.map(|o| [bias.map_or(0.0, |bias| f64::from(bias[o])); PIXELS]);
                    for (i, xs) in panel.iter().enumerate() {
                        for channel in 0..CHANNELS {
                            let w = f64::from(weights[channel][i]);
                            for pixel in 0..PIXELS {
                                sums[channel][pixel] += xs[pixel] * w;
                            }
                        }
                    }
                    for (sums, o) in sums.iter().zip(channels) {
                        dst[(image * conv.oc + o) * pixels + begin..][..count].copy_from_slice(&sums[..count]);
                    }
                }
            }
        }
    }
}

/// `dst[n, o] = bias[o] + Σ src[n, i] * weight[o, i]`; `src` is `[n, ic]`, `weight` `[oc, ic]`.
pub fn linear<T: Value>(src: &[T], ic: usize, weight: &[f32], bias: Option<&[f32]>, oc: usize) -> Vec<f64> {
    check("source", src.len() % ic, 0);
    check("weights", weight.len(), oc * ic);
    let mut dst = Vec::with_capacity(src.len() / ic * oc);
    for row in src.chunks_exact(ic) {
        for o in 0..oc {
            let dot: f64 = row.iter().zip(&weight[o * ic..][..ic]).map(|(&x, &w)| x.into() * f64::from(w)).sum();
            dst.push(dot + bias.map_or(0.0, |bias| f64::from(bias[o])));
        }
    }
    dst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_3x3_window_over_a_counted_map() {
        // PyTorch: conv2d(arange(9).view(1, 1, 3, 3), arange(9).view(1, 1, 3, 3), padding=1)
        let counted: Vec<f32> = (0..9).map(|i| i as f32).collect();
        let conv = Conv { oc: 1, groups: 1, window: Window::square(3, 1, 1) };
        let dst = conv2d(&counted, Maps::new(1, 1, 3, 3), &counted, Some(&[1.0]), &conv);
        assert_eq!(dst, [59., 101., 71., 133., 205., 133., 71., 101., 59.]);
    }

    #[test]
    fn stride_and_batch() {
        // With all values one, every output counts the taps that are not padding.
        let conv = Conv { oc: 2, groups: 1, window: Window::square(3, 2, 1) };
        let dst = conv2d(&[1.0_f32; 2 * 3 * 25], Maps::new(2, 3, 5, 5), &[1.0; 2 * 3 * 9], None, &conv);
        let plane = [4., 6., 4., 6., 9., 6., 4., 6., 4.].map(|taps: f64| 3. * taps);
        assert_eq!(dst, plane.repeat(4));
    }

    #[test]
    fn groups_see_their_own_channels_only() {
        let conv = Conv { oc: 4, groups: 2, window: Window::POINT };
        let dst = conv2d(&[1.0_f32, 10.0, 100.0, 1000.0], Maps::new(1, 4, 1, 1), &[1., 2., 3., 4., 5., 6., 7., 8.], None, &conv);
        assert_eq!(dst, [21., 43., 6500., 8700.]);
    }

    #[test]
    fn linear_is_a_1x1_convolution_of_a_1x1_map() {
        let (src, weight) = ([1.0_f32, -2.0, 3.0, 0.5, 0.25, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let conv = Conv { oc: 2, groups: 1, window: Window::POINT };
        let dst = linear(&src, 3, &weight, Some(&[100.0, 200.0]), 2);
        assert_eq!(dst, [106., 212., 113., 227.25]);
        assert_eq!(dst, conv2d(&src, Maps::new(2, 3, 1, 1), &weight, Some(&[100.0, 200.0]), &conv));
    }
}
