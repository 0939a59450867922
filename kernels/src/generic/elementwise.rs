//! Operators that compute every element by itself.

use pulp::{Simd, WithSimd};

use super::simd::{Clamp, curve, dispatch, fmadd};
use super::{check, pitch};
use crate::runtime::{Aligned, Level};
use crate::shape::{Activation, Maps};

/// `dst = activation(src)`.
pub fn activation(level: Level, src: &[f32], maps: Maps, activation: Activation, dst: &mut [f32]) {
    check("source", src, maps);
    check("destination", dst, maps);
    dispatch(level, Activate { src, activation, dst });
    if !activation.keeps_zero() {
        dst.chunks_exact_mut(pitch(maps.c)).for_each(|pixel| pixel[maps.c..].fill(0.0));
    }
}

struct Activate<'a> {
    src: &'a [f32],
    activation: Activation,
    dst: &'a mut [f32],
}

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let clamp = Clamp::of(simd, Some(self.activation));
        for (dst, &src) in S::as_mut_simd_f32s(&mut *self.dst).0.iter_mut().zip(S::as_simd_f32s(self.src).0) {
            *dst = clamp.apply(simd, src);
        }
        curve(simd, Some(self.activation), self.dst);
    }
}

/// `dst = a; dst[.., ..b_channels] += b`: the sum of two maps, and ReXNet's partial shortcut, where `b` has fewer channels.
pub fn add(level: Level, a: &[f32], maps: Maps, b: &[f32], b_channels: usize, dst: &mut [f32]) {
    assert!(b_channels <= maps.c, "the second term has {b_channels} channels, the first {}", maps.c);
    check("first term", a, maps);
    check("second term", b, Maps { c: b_channels, ..maps });
    check("destination", dst, maps);
    dispatch(level, Add { a, b, a_pitch: pitch(maps.c), b_pitch: pitch(b_channels), dst });
}

struct Add<'a> {
    a: &'a [f32],
    b: &'a [f32],
    a_pitch: usize,
    b_pitch: usize,
    dst: &'a mut [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.a.chunks_exact(self.a_pitch).zip(self.b.chunks_exact(self.b_pitch));
        for (dst, (a, b)) in self.dst.chunks_exact_mut(self.a_pitch).zip(rows) {
            let (sum, rest) = dst.split_at_mut(self.b_pitch);
            rest.copy_from_slice(&a[self.b_pitch..]);
            let terms = S::as_simd_f32s(a).0.iter().zip(S::as_simd_f32s(b).0);
            for (dst, (&a, &b)) in S::as_mut_simd_f32s(sum).0.iter_mut().zip(terms) {
                *dst = simd.add_f32s(a, b);
            }
        }
    }
}

/// `dst = op(a, b)` of each element of `a` and the element of `b` that it meets. `b` has as many images, and its channels and its
/// pixels are as many as those of `a`, or one that is repeated.
pub fn binary(
    level: Level,
    a: &[f32],
    maps: Maps,
    b: &[f32],
    b_maps: Maps,
    op: impl Fn(f32, f32) -> f32 + Copy,
    dst: &mut [f32],
) {
    check("first operand", a, maps);
    check("second operand", b, b_maps);
    check("destination", dst, maps);
    assert!(maps.meets(b_maps), "{b_maps:?} do not meet {maps:?}");
    dispatch(level, Binary { a, maps, b, b_maps, op, dst });
}

struct Binary<'a, F> {
    a: &'a [f32],
    maps: Maps,
    b: &'a [f32],
    b_maps: Maps,
    op: F,
    dst: &'a mut [f32],
}

impl<F: Fn(f32, f32) -> f32 + Copy> WithSimd for Binary<'_, F> {
    type Output = ();

    /// The loops are plain ones, which the compiler turns into the level's vectors.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { a, maps, b, b_maps, op, dst } = self;
        let (c, row, b_row) = (maps.c, pitch(maps.c), pitch(b_maps.c));
        for (pixel, (dst, a)) in dst.chunks_exact_mut(row).zip(a.chunks_exact(row)).enumerate() {
            let b = &b[if b_maps.pixels() == 1 { pixel / maps.pixels() } else { pixel } * b_row..][..b_row];
            if b_maps.c == c {
                dst.iter_mut().zip(a).zip(b).for_each(|((dst, &a), &b)| *dst = op(a, b));
            } else {
                dst.iter_mut().zip(a).for_each(|(dst, &a)| *dst = op(a, b[0]));
            }
            dst[c..].fill(0.0);
        }
    }
}

/// A batch norm that was not folded into a convolution: `scale * x + shift`, channel by channel.
#[derive(Debug)]
pub struct PackedNorm {
    level: Level,
    channels: usize,
    scale: Aligned,
    shift: Aligned,
}

impl PackedNorm {
    /// Packs `scale` and `shift`, each `[c]`.
    ///
    /// # Panics
    /// If their lengths differ.
    pub fn new(level: Level, scale: &[f32], shift: &[f32]) -> Self {
        assert_eq!(scale.len(), shift.len(), "length of the shift");
        let padded = |values: &[f32]| {
            let mut packed = Aligned::zeroed(pitch(values.len()));
            packed[..values.len()].copy_from_slice(values);
            packed
        };
        Self { level, channels: scale.len(), scale: padded(scale), shift: padded(shift) }
    }

    /// `dst = activation(scale * src + shift)`.
    pub fn run(&self, src: &[f32], maps: Maps, activation: Option<Activation>, dst: &mut [f32]) {
        assert_eq!(maps.c, self.channels, "channels");
        check("source", src, maps);
        check("destination", dst, maps);
        dispatch(self.level, Norm { packed: self, src, activation, dst });
        if activation.is_some_and(|activation| !activation.keeps_zero()) {
            dst.chunks_exact_mut(pitch(maps.c)).for_each(|pixel| pixel[maps.c..].fill(0.0));
        }
    }
}

struct Norm<'a> {
    packed: &'a PackedNorm,
    src: &'a [f32],
    activation: Option<Activation>,
    dst: &'a mut [f32],
}

impl WithSimd for Norm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let PackedNorm { scale, shift, .. } = self.packed;
        let (scales, shifts) = (S::as_simd_f32s(scale).0, S::as_simd_f32s(shift).0);
        let clamp = Clamp::of(simd, self.activation);
        for (dst, src) in self.dst.chunks_exact_mut(scale.len()).zip(self.src.chunks_exact(scale.len())) {
            let terms = S::as_simd_f32s(src).0.iter().zip(scales).zip(shifts);
            for (dst, ((&x, &scale), &shift)) in S::as_mut_simd_f32s(dst).0.iter_mut().zip(terms) {
                *dst = clamp.apply(simd, fmadd(simd, x, scale, shift));
            }
        }
        curve(simd, self.activation, self.dst);
    }
}
