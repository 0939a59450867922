//! Convolutions and linear layers.

use super::{Value, check};
use crate::shape::{Conv, Maps};

/// `dst[n, o, y, x] = bias[o] + Σ src[n, i, y * sh + ky - ph, x * sw + kx - pw] * weight[o, i, ky, kx]` over the input channels
/// `i` of the group of `o` and the taps that are not padding.
///
/// `weight` is `[oc, c / groups, kh, kw]`, `bias` `[oc]`.
pub fn conv2d<T: Value>(src: &[T], maps: Maps, weight: &[f32], bias: Option<&[f32]>, conv: &Conv) -> Vec<f64> {
    let (ic, oc) = (maps.c / conv.groups, conv.oc / conv.groups);
    let dst_maps = maps.under(&conv.window, conv.oc);
    let (rows, columns) = conv.window.axes();
    check("source", src.len(), maps.len());
    check("weights", weight.len(), conv.oc * ic * conv.window.taps());
    let mut dst = vec![0.0; dst_maps.len()];
    for (plane_index, plane) in dst.chunks_exact_mut(dst_maps.pixels()).enumerate() {
        let (n, o) = (plane_index / conv.oc, plane_index % conv.oc);
        plane.fill(bias.map_or(0.0, |bias| bias[o].into()));
        for i in 0..ic {
            let src = &src[(n * maps.c + o / oc * ic + i) * maps.pixels()..][..maps.pixels()];
            for ky in 0..rows.kernel {
                for kx in 0..columns.kernel {
                    let w = f64::from(weight[((o * ic + i) * rows.kernel + ky) * columns.kernel + kx]);
                    let xs = columns.outputs(kx, maps.w, dst_maps.w);
                    for y in rows.outputs(ky, maps.h, dst_maps.h) {
                        let src = &src[rows.input(y, ky) * maps.w..][..maps.w];
                        for x in xs.clone() {
                            plane[y * dst_maps.w + x] += src[columns.input(x, kx)].into() * w;
                        }
                    }
                }
            }
        }
    }
    dst
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
    use crate::shape::Window;

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
        // Ones: every output counts the taps that are not padding.
        let conv = Conv { oc: 2, groups: 1, window: Window::square(3, 2, 1) };
        let dst = conv2d(&[1.0_f32; 2 * 3 * 25], Maps::new(2, 3, 5, 5), &[1.0; 2 * 3 * 9], None, &conv);
        let plane = [4., 6., 4., 6., 9., 6., 4., 6., 4.].map(|taps: f64| 3. * taps);
        assert_eq!(dst, plane.repeat(4));
    }

    #[test]
    fn groups_see_their_own_channels_only() {
        let conv = Conv { oc: 4, groups: 2, window: Window::square(1, 1, 0) };
        let dst = conv2d(&[1.0_f32, 10.0, 100.0, 1000.0], Maps::new(1, 4, 1, 1), &[1., 2., 3., 4., 5., 6., 7., 8.], None, &conv);
        assert_eq!(dst, [21., 43., 6500., 8700.]);
    }

    #[test]
    fn linear_is_a_1x1_convolution_of_a_1x1_map() {
        let (src, weight) = ([1.0_f32, -2.0, 3.0, 0.5, 0.25, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let conv = Conv { oc: 2, groups: 1, window: Window::square(1, 1, 0) };
        let dst = linear(&src, 3, &weight, Some(&[100.0, 200.0]), 2);
        assert_eq!(dst, [106., 212., 113., 227.25]);
        assert_eq!(dst, conv2d(&src, Maps::new(2, 3, 1, 1), &weight, Some(&[100.0, 200.0]), &conv));
    }
}
