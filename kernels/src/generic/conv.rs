//! Convolutions and linear layers, computed as a matrix product with packed weights in register tiles of pixels by channels. The
//! rows of the left matrix are read where they lie in the map, tap by tap, so that nothing is copied.

use pulp::{Simd, WithSimd};

use super::simd::{Clamp, curve, dispatch, fmadd, lanes};
use super::{LANES, check, pitch};
use crate::runtime::{Aligned, Level};
use crate::shape::{Activation, Conv, Maps, Window, product};

/// Width of the widest panel of output channels: two of the widest vectors.
const PANEL: usize = 2 * LANES;

/// Most rows of a register tile.
const MOST_ROWS: usize = 14;

/// Floats of input in a block. All panels are computed with one block, a part of L2, before the next is touched.
const BLOCK: usize = 1 << 16;

/// A convolution whose weights are packed for one level.
#[derive(Debug)]
pub struct PackedConv {
    level: Level,
    conv: Conv,
    /// Input channels of a group.
    ic: usize,
    /// Output channels of a panel. The last panel of a group may have fewer.
    width: usize,
    /// Panels of output channels, group by group: `[group][panel][kh][kw][ic][width]`. Panels before a panel hold `kh * kw * ic`
    /// floats for each of their channels, whatever their widths: so the panel that begins with channel `o` of its group begins
    /// `o` times that into the group.
    weight: Aligned,
    /// `[group][panel][width]`
    bias: Aligned,
    /// Zeros, which are read in place of a row of padding.
    zeros: Vec<f32>,
}

impl PackedConv {
    /// Packs `weight`, which is `[oc, ic, kh, kw]` with `ic` the input channels of one group, and `bias`, which is `[oc]`.
    ///
    /// # Panics
    /// If the slices do not have these lengths, or if the number of groups does not divide the number of output channels.
    pub fn new(level: Level, conv: Conv, ic: usize, weight: &[f32], bias: &[f32]) -> Self {
        assert!(conv.groups > 0 && conv.oc.is_multiple_of(conv.groups), "{} channels in {} groups", conv.oc, conv.groups);
        let (taps, oc) = (conv.window.taps(), conv.oc / conv.groups);
        assert_eq!(weight.len(), product(&[conv.oc, ic, taps]), "length of the weights");
        assert_eq!(bias.len(), conv.oc, "length of the bias");
        let columns = pitch(oc);
        let width = if lanes(level) == LANES { PANEL } else { LANES };
        let mut packed = Aligned::zeroed(product(&[conv.groups, columns, taps, ic]));
        let mut packed_bias = Aligned::zeroed(product(&[conv.groups, columns]));
        for group in 0..conv.groups {
            packed_bias[group * columns..][..oc].copy_from_slice(&bias[group * oc..][..oc]);
            for (begin, width) in panels(width, columns) {
                let panel = &mut packed[(group * columns + begin) * taps * ic..][..width * taps * ic];
                for lane in 0..width.min(oc - begin) {
                    let filter = &weight[(group * oc + begin + lane) * ic * taps..][..ic * taps];
                    for i in 0..ic {
                        for tap in 0..taps {
                            panel[(tap * ic + i) * width + lane] = filter[i * taps + tap];
                        }
                    }
                }
            }
        }
        Self { level, conv, ic, width, weight: packed, bias: packed_bias, zeros: vec![0.0; ic] }
    }

    /// Packs a linear layer, which is a convolution of 1x1 maps. `weight` is `[oc, ic]`.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn linear(level: Level, ic: usize, oc: usize, weight: &[f32], bias: &[f32]) -> Self {
        Self::new(level, Conv { oc, groups: 1, window: Window::POINT }, ic, weight, bias)
    }

    /// `dst = activation(conv(src))`.
    pub fn run(&self, src: &[f32], maps: Maps, activation: Option<Activation>, dst: &mut [f32]) {
        let dst_maps = maps.under(&self.conv.window, self.conv.oc);
        assert_eq!(maps.c, product(&[self.ic, self.conv.groups]), "input channels");
        check("source", src, maps);
        check("destination", dst, dst_maps);
        dispatch(self.level, ConvPass { packed: self, src, maps, activation, dst, dst_maps });
    }
}

/// The first channel and the width of every panel.
fn panels(width: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns).step_by(width).map(move |begin| (begin, width.min(columns - begin)))
}

struct ConvPass<'a> {
    packed: &'a PackedConv,
    src: &'a [f32],
    maps: Maps,
    activation: Option<Activation>,
    dst: &'a mut [f32],
    dst_maps: Maps,
}

impl WithSimd for ConvPass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (conv, rows) = (&self.packed.conv, self.dst_maps.n * self.dst_maps.pixels());
        let (oc, tallest) = (conv.oc / conv.groups, Heights::of::<S>().0[0]);
        let block = (BLOCK / pitch(self.maps.c)).max(1).next_multiple_of(tallest);
        for begin in (0..rows).step_by(block) {
            let end = rows.min(begin + block);
            for group in 0..conv.groups {
                for (channel, width) in panels(self.packed.width, pitch(oc)) {
                    let mut row = begin;
                    while row < end {
                        row += self.tile(simd, Tile { row, rows: end - row, group, channel, width });
                    }
                }
            }
        }
    }
}

/// Heights of register tiles, tallest first. The registers hold a tile's accumulators, the vectors of one panel and a broadcast.
/// Maps of 7x7, 14x14, 28x28, ... divide into whole tiles of 14 and 7.
struct Heights(&'static [usize]);

impl Heights {
    const fn of<S: Simd>() -> Self {
        match (S::F32_LANES, S::REGISTER_COUNT) {
            (16, _) => Self(&[14, 7, 4, 2, 1]),
            (8, _) | (_, 32) => Self(&[6, 4, 2, 1]),
            _ => Self(&[2, 1]),
        }
    }
}

/// A part of the result: `rows` pixels from `row` on, and `width` channels of a group from `channel` on.
#[derive(Clone, Copy)]
struct Tile {
    row: usize,
    rows: usize,
    group: usize,
    channel: usize,
    width: usize,
}

impl ConvPass<'_> {
    /// Computes the tallest tile that begins at the first pixel of `part` and fits in it. Returns its height.
    #[inline(always)]
    fn tile<S: Simd>(&mut self, simd: S, part: Tile) -> usize {
        let height = Heights::of::<S>().0.iter().copied().find(|&height| height <= part.rows).unwrap_or(1);
        let tile = Tile { rows: height, ..part };
        let mut out = [0.0; MOST_ROWS * PANEL];
        macro_rules! tiles {
            ($vectors:literal: $($height:literal)*) => {
                match height {
                    $($height => self.fixed_tile::<S, $height, $vectors>(simd, tile, &mut out),)*
                    _ => unreachable!("a tile of {height} rows"),
                }
            };
        }
        // Only the tiles that this level uses are compiled.
        if S::F32_LANES == 16 {
            if tile.width == PANEL { tiles!(2: 14 7 4 2 1) } else { tiles!(1: 14 7 4 2 1) }
        } else if S::F32_LANES == 8 {
            tiles!(2: 6 4 2 1);
        } else if S::REGISTER_COUNT == 32 {
            tiles!(4: 6 4 2 1);
        } else {
            tiles!(4: 2 1);
        }
        self.finish(simd, tile, &mut out[..height * tile.width]);
        height
    }

    /// Computes a tile of `ROWS` pixels by `VECTORS` vectors of channels into `out`.
    #[inline(always)]
    fn fixed_tile<S: Simd, const ROWS: usize, const VECTORS: usize>(&self, simd: S, tile: Tile, out: &mut [f32]) {
        let Tile { row, group, channel, .. } = tile;
        let PackedConv { conv, ic, weight, bias, zeros, .. } = self.packed;
        let (ic, width, taps) = (*ic, VECTORS * S::F32_LANES, conv.window.taps());
        let column = group * pitch(conv.oc / conv.groups) + channel;
        let bias = S::as_simd_f32s(&bias[column..][..width]).0;
        let mut acc = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for acc in &mut acc {
            acc.copy_from_slice(bias);
        }
        let origins: [Origin; ROWS] = std::array::from_fn(|m| Origin::of(row + m, self.dst_maps, conv));
        let mut panel = &weight[column * taps * ic..][..width * taps * ic];
        let (down, across) = conv.window.dilation;
        for ky in 0..conv.window.kernel.0 {
            for kx in 0..conv.window.kernel.1 {
                let mut lines: [&[f32]; ROWS] = [&[]; ROWS];
                for (line, origin) in lines.iter_mut().zip(&origins) {
                    *line = match origin.tap(ky * down, kx * across, self.maps) {
                        Some(pixel) => &self.src[pixel * pitch(self.maps.c) + group * ic..][..ic],
                        None => &zeros[..ic],
                    };
                }
                let (these, rest) = panel.split_at(ic * width);
                panel = rest;
                for (k, weights) in S::as_simd_f32s(these).0.chunks_exact(VECTORS).enumerate() {
                    for m in 0..ROWS {
                        // SAFETY: every line has `ic` values, and there are `ic` chunks of weights.
                        let x = simd.splat_f32s(unsafe { *lines[m].get_unchecked(k) });
                        for v in 0..VECTORS {
                            acc[m][v] = fmadd(simd, x, weights[v], acc[m][v]);
                        }
                    }
                }
            }
        }
        for (out, acc) in S::as_mut_simd_f32s(out).0.chunks_exact_mut(VECTORS).zip(&acc) {
            out.copy_from_slice(acc);
        }
    }

    /// Applies the activation to a tile and writes it to its place. This is apart from the tiles so that it is compiled once.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, tile: Tile, values: &mut [f32]) {
        let Tile { row, rows, group, channel, width } = tile;
        let conv = &self.packed.conv;
        let (oc, pitch) = (conv.oc / conv.groups, pitch(conv.oc));
        Clamp::of(simd, self.activation).apply_all(simd, values);
        curve(simd, self.activation, values);
        // Panels are written whole where the lanes behind the channels are pad lanes, which receive zeros.
        let whole = conv.groups == 1 && self.activation.is_none_or(Activation::keeps_zero);
        let valid = if whole { width } else { width.min(oc - channel) };
        for (values, line) in values.chunks_exact(width).zip(self.dst[row * pitch..][..rows * pitch].chunks_exact_mut(pitch)) {
            line[group * oc + channel..][..valid].copy_from_slice(&values[..valid]);
            if !whole {
                line[conv.oc..].fill(0.0);
            }
        }
    }
}

/// Where the window of an output pixel begins. This may be in the padding, above or left of the map.
#[derive(Clone, Copy)]
struct Origin {
    image: usize,
    y: isize,
    x: isize,
}

impl Origin {
    #[inline(always)]
    fn of(row: usize, dst: Maps, conv: &Conv) -> Self {
        let (image, pixel) = (row / dst.pixels(), row % dst.pixels());
        let ((sy, sx), (py, px)) = (conv.window.stride, conv.window.padding);
        let (y, x) = (pixel / dst.w * sy, pixel % dst.w * sx);
        Self { image, y: y as isize - py.before as isize, x: x as isize - px.before as isize }
    }

    /// The input pixel of the tap that lies `down` rows and `right` columns into the window; `None` if it is padding.
    #[inline(always)]
    fn tap(self, down: usize, right: usize, src: Maps) -> Option<usize> {
        // A negative position becomes a number larger than any map.
        let (y, x) = ((self.y + down as isize) as usize, (self.x + right as isize) as usize);
        (y < src.h && x < src.w).then(|| (self.image * src.h + y) * src.w + x)
    }
}
