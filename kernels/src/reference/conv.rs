//! Convolutions and linear layers.

use std::ops::Range;

use pulp::{NullaryFnOnce, Simd, WithSimd};

use super::{Value, check};
use crate::shape::{Conv, Maps};

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
    match products.is_exact_with_zeros() {
        true => pulp::Arch::new().dispatch(Panels(products)),
        false => pulp::Arch::new().dispatch(Rows(products)),
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

impl<T> Products<'_, T> {
    /// Whether a zero in place of padding gives the same bits as leaving the tap out, and pays: where every group has one channel,
    /// nothing shares what was gathered.
    fn is_exact_with_zeros(&self) -> bool {
        let negative_zero = |bias: &f32| bias.to_bits() == (-0.0_f32).to_bits();
        self.conv.oc > self.conv.groups
            && self.weight.iter().all(|w| w.is_finite())
            && !self.bias.is_some_and(|bias| bias.iter().any(negative_zero))
    }
}

/// Computes any convolution. The innermost loop runs over a row of outputs.
struct Rows<'a, T>(Products<'a, T>);

impl<T: Value> NullaryFnOnce for Rows<'_, T> {
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

/// Computes a convolution as a matrix product: what a few outputs read is gathered into a panel, and the sums of several channels
/// are computed side by side.
struct Panels<'a, T>(Products<'a, T>);

impl<T: Value> WithSimd for Panels<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const CHANNELS: usize = 4;
        const VECTORS: usize = 2;
        let width = VECTORS * S::F64_LANES;
        const PADDING: usize = usize::MAX;
        let Products { src, maps, weight, bias, conv, dst } = self.0;
        let (ic, oc) = (maps.c / conv.groups, conv.oc / conv.groups);
        let dst_maps = maps.under(&conv.window, conv.oc);
        let (rows, columns) = conv.window.axes();
        let (outputs, taps) = (dst_maps.pixels(), conv.window.taps());
        let mut panel = vec![0.0; ic * taps * width];
        let mut places = vec![PADDING; taps * width];
        for (begin, part) in
            (0..outputs).step_by(width).flat_map(|begin| (0..maps.n * conv.groups).map(move |part| (begin, part)))
        {
            let (image, group) = (part / conv.groups, part % conv.groups);
            // There may be fewer outputs at the end. The rest of their panel is not used.
            let count = width.min(outputs - begin);
            if part == 0 {
                places.fill(PADDING);
                for pixel in 0..count {
                    let (y, x) = ((begin + pixel) / dst_maps.w, (begin + pixel) % dst_maps.w);
                    for (ky, kx) in rows.taps(y, maps.h).flat_map(|ky| columns.taps(x, maps.w).map(move |kx| (ky, kx))) {
                        places[(ky * columns.kernel + kx) * width + pixel] = rows.input(y, ky) * maps.w + columns.input(x, kx);
                    }
                }
            }
            for (panel, plane) in
                panel.chunks_exact_mut(taps * width).zip(src[part * ic * maps.pixels()..].chunks_exact(maps.pixels()))
            {
                for (value, &place) in panel.iter_mut().zip(&places) {
                    *value = plane.get(place).map_or(0.0, |&x| x.into());
                }
            }
            for first in (0..oc).step_by(CHANNELS) {
                // There may be fewer channels at the end. The last one is then computed more than once.
                let channels: [usize; CHANNELS] = std::array::from_fn(|channel| group * oc + (first + channel).min(oc - 1));
                let weights = channels.map(|o| &weight[o * ic * taps..][..ic * taps]);
                let mut sums = channels.map(|o| [simd.splat_f64s(bias.map_or(0.0, |bias| bias[o].into())); VECTORS]);
                for (i, xs) in S::as_simd_f64s(&panel).0.chunks_exact(VECTORS).enumerate() {
                    for (sums, weights) in sums.iter_mut().zip(weights) {
                        let w = simd.splat_f64s(weights[i].into());
                        for (sum, &x) in sums.iter_mut().zip(xs) {
                            *sum = simd.add_f64s(*sum, simd.mul_f64s(x, w));
                        }
                    }
                }
                for (sums, o) in sums.iter().zip(channels) {
                    let sums: &[f64] = pulp::bytemuck::cast_slice(sums);
                    dst[(image * conv.oc + o) * outputs + begin..][..count].copy_from_slice(&sums[..count]);
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
    use crate::shape::{Padding, Window};

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
    fn panels_and_rows_give_the_same_bits() {
        let values = |len: usize, seed: u32| -> Vec<f32> {
            (0..len as u32).map(|i| (i.wrapping_mul(seed).wrapping_add(seed >> 7) % 1009) as f32 / 31.0 - 16.0).collect()
        };
        let padded = |before, after| Padding { before, after };
        for (window, groups) in [
            (Window::POINT, 1),
            (Window::square(3, 1, 1), 1),
            (Window::square(5, 2, 2), 3),
            (Window { dilation: (2, 3), padding: (padded(4, 0), padded(0, 7)), ..Window::square(3, 2, 0) }, 1),
        ] {
            let (maps, conv) = (Maps::new(2, 6, 11, 7), Conv { oc: 9, groups, window });
            let weight = values(9 * (6 / groups) * window.taps(), 2_654_435_761);
            let (src, bias) = (values(maps.len(), 40_503), values(9, 97));
            let mut both = [vec![0.0; maps.under(&window, 9).len()], vec![0.0; maps.under(&window, 9).len()]];
            let [panels, rows] = &mut both;
            let products = |dst| Products { src: &src[..], maps, weight: &weight, bias: Some(&bias), conv: &conv, dst };
            pulp::Arch::new().dispatch(Panels(products(panels)));
            pulp::Arch::new().dispatch(Rows(products(rows)));
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&both[0]), bits(&both[1]), "{window:?}");
        }
    }

    #[test]
    fn padding_meets_no_weight() {
        // An infinite weight times the zero of padding would be no number; the sum of minus zero and zero would lose its sign.
        let conv = Conv { oc: 2, groups: 1, window: Window::square(3, 1, 1) };
        let mut weight = [0.0_f32; 18];
        weight[0] = f32::INFINITY;
        let dst = conv2d(&[-1.0_f32], Maps::new(1, 1, 1, 1), &weight, Some(&[-0.0, 1.0]), &conv);
        assert_eq!(dst.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), [(-0.0_f64).to_bits(), 1.0_f64.to_bits()]);
        let negative = conv2d(&[-1.0_f32], Maps::new(1, 1, 1, 1), &[0.0; 18], Some(&[-0.0, -0.0]), &conv);
        assert!(negative.iter().all(|value| value.is_sign_negative()));
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
