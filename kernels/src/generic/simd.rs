//! What `pulp` does not have: the choice of a level, and elementwise functions on vectors.

use std::any::TypeId;

use pulp::{Scalar128b, Simd, WithSimd};
use sartor_ops::Arithmetic;

use crate::runtime::Level;
use crate::shape::Activation;

/// Runs `op`, compiled for the features of `level`. If the CPU lacks them, it runs for the best level below.
pub fn dispatch<O: WithSimd>(level: Level, op: O) -> O::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if level == Level::Avx512
            && let Some(simd) = pulp::x86::V4::try_new()
        {
            return Simd::vectorize(simd, op);
        }
        if level >= Level::Avx2
            && let Some(simd) = pulp::x86::V3::try_new()
        {
            return Simd::vectorize(simd, op);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if level >= Level::Neon
        && let Some(simd) = pulp::aarch64::Neon::try_new()
    {
        return Simd::vectorize(simd, op);
    }
    let _ = level;
    op.with_simd(Scalar128b)
}

/// The number of floats in the vectors that [`dispatch`] chooses.
pub fn lanes(level: Level) -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    dispatch(level, Lanes)
}

/// `a * b + c`, fused where the level has the instruction. Elsewhere fusing would be a function call.
#[inline(always)]
pub fn fmadd<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if TypeId::of::<S>() == TypeId::of::<Scalar128b>() {
        simd.add_f32s(simd.mul_f32s(a, b), c)
    } else {
        simd.mul_add_e_f32s(a, b, c)
    }
}

/// An activation that is a clamp, by its two ends.
#[derive(Clone, Copy)]
pub struct Clamp<S: Simd> {
    low: S::f32s,
    high: S::f32s,
}

impl<S: Simd> Clamp<S> {
    /// The clamp of an activation. It does nothing if the activation is no clamp or there is none.
    #[inline(always)]
    pub fn of(simd: S, activation: Option<Activation>) -> Self {
        Self::between(simd, activation.and_then(Activation::clamp).unwrap_or((f32::NEG_INFINITY, f32::INFINITY)))
    }

    #[inline(always)]
    fn between(simd: S, (low, high): (f32, f32)) -> Self {
        Self { low: simd.splat_f32s(low), high: simd.splat_f32s(high) }
    }

    /// The clamped value. NaN stays NaN, which the minimum and maximum instructions of some levels do not promise.
    #[inline(always)]
    pub fn apply(self, simd: S, x: S::f32s) -> S::f32s {
        let x = simd.select_f32s(simd.less_than_f32s(x, self.low), self.low, x);
        simd.select_f32s(simd.greater_than_f32s(x, self.high), self.high, x)
    }

    /// Clamps whole vectors in place.
    #[inline(always)]
    pub fn apply_all(self, simd: S, values: &mut [f32]) {
        for x in S::as_mut_simd_f32s(values).0 {
            *x = self.apply(simd, *x);
        }
    }
}

/// Applies an activation that is not a clamp, in place. It does so to all lanes, so a pad lane then holds the function's value at
/// zero.
#[inline(always)]
pub fn curve<S: Simd>(simd: S, activation: Option<Activation>, values: &mut [f32]) {
    if let Some(activation) = activation
        && activation.clamp().is_none()
    {
        activation.apply(&mut Vectors(simd), S::as_mut_simd_f32s(values).0);
    }
}

/// The arithmetic of a level's vectors.
struct Vectors<S>(S);

impl<S: Simd> Arithmetic for Vectors<S> {
    type Vector = S::f32s;

    #[inline(always)]
    fn constant(&mut self, _: &str, value: f32) -> S::f32s {
        self.0.splat_f32s(value)
    }

    #[inline(always)]
    fn add(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.add_f32s(*a, *b)
    }

    #[inline(always)]
    fn mul(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.mul_f32s(*a, *b)
    }

    #[inline(always)]
    fn div(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.div_f32s(*a, *b)
    }

    #[inline(always)]
    fn min(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.select_f32s(self.0.less_than_f32s(*a, *b), *a, *b)
    }

    #[inline(always)]
    fn max(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.select_f32s(self.0.greater_than_f32s(*a, *b), *a, *b)
    }

    #[inline(always)]
    fn above(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.select_f32s(self.0.less_than_or_equal_f32s(*a, *b), self.0.splat_f32s(0.0), *a)
    }

    #[inline(always)]
    fn fma(&mut self, a: &S::f32s, b: &S::f32s, c: &S::f32s) -> S::f32s {
        fmadd(self.0, *a, *b, *c)
    }

    #[inline(always)]
    fn clamp(&mut self, x: &S::f32s, low: f32, high: f32) -> S::f32s {
        Clamp::between(self.0, (low, high)).apply(self.0, *x)
    }

    #[inline(always)]
    fn sqrt(&mut self, a: &S::f32s) -> S::f32s {
        self.0.sqrt_f32s(*a)
    }

    #[inline(always)]
    fn exponent(&mut self, a: &S::f32s) -> S::f32s {
        exponent(self.0, *a)
    }

    #[inline(always)]
    fn mantissa(&mut self, a: &S::f32s) -> S::f32s {
        mantissa(self.0, *a)
    }

    #[inline(always)]
    fn power_of_two(&mut self, a: &S::f32s) -> S::f32s {
        let bits = self.0.transmute_u32s_f32s(*a);
        self.0.transmute_f32s_u32s(self.0.wrapping_dyn_shl_u32s(bits, self.0.splat_u32s(23)))
    }

    #[inline(always)]
    fn exponential(&mut self, x: &S::f32s) -> S::f32s {
        exp(self.0, *x)
    }

    #[inline(always)]
    fn logistic(&mut self, x: &S::f32s, scaled: bool) -> S::f32s {
        let one = self.0.splat_f32s(1.0);
        let under = self.0.add_f32s(one, exp(self.0, self.0.neg_f32s(*x)));
        self.0.div_f32s(if scaled { *x } else { one }, under)
    }
}

/// The bits of a number that is not denormal and has the mantissa of `x`, plus a half. The second result is where `x` is small.
#[inline(always)]
fn normal<S: Simd>(simd: S, x: S::f32s) -> (S::u32s, S::m32s) {
    let small = simd.less_than_f32s(x, simd.splat_f32s(f32::MIN_POSITIVE));
    let scaled = simd.mul_f32s(x, simd.splat_f32s(16_777_216.0));
    let bits = simd.transmute_u32s_f32s(simd.select_f32s(small, scaled, x));
    (simd.add_u32s(bits, simd.splat_u32s(0x40_0000)), small)
}

/// See [`sartor_ops::exponent`].
#[inline(always)]
fn exponent<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// 2^23 as a float: the low bits of its mantissa count units.
    const UNITS: f32 = 8_388_608.0;
    let splat = |value: f32| simd.splat_f32s(value);
    let (bits, small) = normal(simd, x);
    let shifted = simd.wrapping_dyn_shr_u32s(bits, simd.splat_u32s(23));
    let counted = simd.transmute_f32s_u32s(simd.or_u32s(shifted, simd.splat_u32s(UNITS.to_bits())));
    let bias = simd.select_f32s(small, splat(UNITS + 151.0), splat(UNITS + 127.0));
    let n = simd.sub_f32s(counted, bias);
    // Infinity and NaN stay.
    let n = simd.select_f32s(simd.less_than_f32s(x, splat(f32::INFINITY)), n, x);
    let n = simd.select_f32s(simd.equal_f32s(x, splat(0.0)), splat(f32::NEG_INFINITY), n);
    simd.select_f32s(simd.less_than_f32s(x, splat(0.0)), splat(f32::NAN), n)
}

/// See [`sartor_ops::mantissa`].
#[inline(always)]
fn mantissa<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let low = simd.and_u32s(normal(simd, x).0, simd.splat_u32s(0x7f_ffff));
    simd.transmute_f32s_u32s(simd.add_u32s(low, simd.splat_u32s(0x3f40_0000)))
}

/// `exp(x)`, within about 2 epsilons. It is 0 where the result is below 1.7e-38, and infinite where it is beyond the largest
/// number.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Beyond these, 2^(n - 1) has no exponent. Results are infinite and zero before.
    const LARGEST: f32 = 89.0;
    const SMALLEST: f32 = -87.3;
    /// Adding this to a number leaves the nearest integer in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    // ln(2) in two parts. The first has trailing zeros, so that its product with an integer is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // The coefficients 2 / k!. On |r| <= ln(2) / 2 the terms left out are below 1e-8.
    const SERIES: [f32; 6] = [2.0 / 5040.0, 2.0 / 720.0, 2.0 / 120.0, 2.0 / 24.0, 2.0 / 6.0, 1.0];

    let splat = |value: f32| simd.splat_f32s(value);
    let shifted = fmadd(simd, x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(shifted, splat(ROUND));
    let r = fmadd(simd, n, splat(-LN2_HIGH), x);
    let r = fmadd(simd, n, splat(-LN2_LOW), r);
    let mut sum = splat(SERIES[0]);
    for coefficient in &SERIES[1..] {
        sum = fmadd(simd, sum, r, splat(*coefficient));
    }
    let sum = fmadd(simd, sum, r, splat(2.0));
    let sum = fmadd(simd, sum, r, splat(2.0));
    // 2^(n - 1): the low bits of `shifted` move into the exponent, whose bias is 127.
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.transmute_f32s_u32s(simd.add_u32s(exponent, simd.splat_u32s(126 << 23)));
    let result = simd.mul_f32s(sum, power);
    let result = simd.select_f32s(simd.greater_than_f32s(x, splat(LARGEST)), splat(f32::INFINITY), result);
    simd.select_f32s(simd.less_than_f32s(x, splat(SMALLEST)), splat(0.0), result)
}
