//! Depthwise convolutions, vectorised over channels.

use pulp::{Simd, WithSimd};

use super::simd::{Clamp, curve, dispatch, fmadd};
use super::{check, pitch};
use crate::runtime::{Aligned, Level};
use crate::shape::{Activation, Maps, Window, product};

/// How many neighbouring output pixels are computed with the same loads of weights.
const TILE: usize = 4;

/// A depthwise convolution: each channel has a filter of its own.
#[derive(Debug)]
pub struct PackedDepthwise {
    level: Level,
    window: Window,
    channels: usize,
    /// `[kh][kw][pitch]`
    weight: Aligned,
    /// `[pitch]`
    bias: Aligned,
}

impl PackedDepthwise {
    /// Packs `weight`, which is `[c, 1, kh, kw]`, and `bias`, which is `[c]`.
    ///
    /// # Panics
    /// If the slices do not have these lengths.
    pub fn new(level: Level, window: Window, channels: usize, weight: &[f32], bias: &[f32]) -> Self {
        let (taps, pitch) = (window.taps(), pitch(channels));
        assert_eq!(weight.len(), product(&[channels, taps]), "length of the weights");
        let mut packed = Aligned::zeroed(product(&[taps, pitch]));
        for (i, &w) in weight.iter().enumerate() {
            packed[i % taps * pitch + i / taps] = w;
        }
        let mut packed_bias = Aligned::zeroed(pitch);
        packed_bias[..channels].copy_from_slice(bias);
        Self { level, window, channels, weight: packed, bias: packed_bias }
    }

    /// `dst = activation(conv(src))`.
    pub fn run(&self, src: &[f32], maps: Maps, activation: Option<Activation>, dst: &mut [f32]) {
        let dst_maps = maps.under(&self.window, self.channels);
        assert_eq!(maps.c, self.channels, "channels");
        check("source", src, maps);
        check("destination", dst, dst_maps);
        dispatch(self.level, DepthwisePass { packed: self, src, maps, activation, dst, dst_maps });
    }
}

struct DepthwisePass<'a> {
    packed: &'a PackedDepthwise,
    src: &'a [f32],
    maps: Maps,
    activation: Option<Activation>,
    dst: &'a mut [f32],
    dst_maps: Maps,
}

/// A tap that reads an input and not padding. Both offsets count vectors: `src` from the first of the source to the first of the
/// input pixel, `weight` from the first of the weights to the first of the tap.
#[derive(Clone, Copy)]
struct Tap {
    src: usize,
    weight: usize,
}

impl WithSimd for DepthwisePass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (rows, columns) = self.packed.window.axes();
        let (src, dst) = (self.maps, self.dst_maps);
        let pitch = pitch(src.c);
        let vectors = pitch / S::F32_LANES;
        let values = S::as_simd_f32s(self.src).0;
        let lifts_pads = self.activation.is_some_and(|activation| !activation.keeps_zero());
        // Output columns whose taps all read inputs, none of them padding.
        let inside = columns.outputs(0, src.w, dst.w).start..columns.outputs(columns.kernel - 1, src.w, dst.w).end;
        let mut taps = Vec::with_capacity(self.packed.window.taps());
        for line in 0..dst.n * dst.h {
            let (image, y) = (line / dst.h, line % dst.h);
            let mut x = 0;
            while x < dst.w {
                let tile = if x >= inside.start && x + TILE <= inside.end { TILE } else { 1 };
                taps.clear();
                for ky in rows.taps(y, src.h) {
                    for kx in columns.taps(x, src.w) {
                        let pixel = (image * src.h + rows.input(y, ky)) * src.w + columns.input(x, kx);
                        taps.push(Tap { src: pixel * vectors, weight: (ky * columns.kernel + kx) * vectors });
                    }
                }
                let part = &mut self.dst[(line * dst.w + x) * pitch..][..tile * pitch];
                let step = columns.stride * vectors;
                if tile == TILE {
                    pixels::<S, TILE>(simd, self.packed, &taps, values, step, self.activation, part);
                } else {
                    pixels::<S, 1>(simd, self.packed, &taps, values, step, self.activation, part);
                }
                if lifts_pads {
                    part.chunks_exact_mut(pitch).for_each(|pixel| pixel[src.c..].fill(0.0));
                }
                x += tile;
            }
        }
    }
}

/// Computes `PIXELS` neighbouring outputs, whose inputs are `step` vectors apart.
#[inline(always)]
fn pixels<S: Simd, const PIXELS: usize>(
    simd: S,
    packed: &PackedDepthwise,
    taps: &[Tap],
    src: &[S::f32s],
    step: usize,
    activation: Option<Activation>,
    dst: &mut [f32],
) {
    let weight = S::as_simd_f32s(&packed.weight).0;
    let bias = S::as_simd_f32s(&packed.bias).0;
    let vectors = bias.len();
    // Checked once for all vectors, so that the loop over them needs no check. The check itself cannot overflow.
    let reach = step.checked_mul(PIXELS - 1).and_then(|last| last.checked_add(vectors)).expect("a tile's reach overflows");
    let last = src.len().checked_sub(reach).zip(weight.len().checked_sub(vectors));
    for tap in taps {
        assert!(last.is_some_and(|(last_src, last_weight)| tap.src <= last_src && tap.weight <= last_weight));
    }
    let clamp = Clamp::of(simd, activation);
    let out = S::as_mut_simd_f32s(&mut *dst).0;
    for c in 0..vectors {
        let mut acc = [bias[c]; PIXELS];
        for tap in taps {
            // SAFETY: `c < vectors`, and the assertion above covers all such `c`.
            let w = unsafe { *weight.get_unchecked(tap.weight + c) };
            for (t, acc) in acc.iter_mut().enumerate() {
                // SAFETY: as above; and `t < PIXELS`.
                let x = unsafe { *src.get_unchecked(tap.src + t * step + c) };
                *acc = fmadd(simd, x, w, *acc);
            }
        }
        for (t, &acc) in acc.iter().enumerate() {
            out[t * vectors + c] = clamp.apply(simd, acc);
        }
    }
    curve(simd, activation, dst);
}
