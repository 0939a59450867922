//! `golden` for neon.
//!
//! Memory in f32: arena 80, scratch 0 a thread, weights 544.
//!
//! | map | h x w x c | f32 | where |
//! | --- | --- | ---: | --- |
//! | `input` | 4 x 4 x 3 | 48 | input, NCHW |
//! | `stem.act` | 2 x 2 x 5 | 64 | arena + 0 |
//! | `pool` | 1 x 1 x 5 | 16 | arena + 64 |
//! | `fc` | 1 x 1 x 4 | 16 | arena + 0 |

use std::arch::aarch64::*;

use crate::runtime::{Context, Lengths, Level, Program, Stage, Units, layout};
use crate::weights::WEIGHTS;

/// `N` vectors, each `step` f32 behind the one before.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn loads<const N: usize>(from: *const f32, step: usize) -> [float32x4_t; N] {
    let mut all = [vdupq_n_f32(0.0); N];
    for (i, vector) in all.iter_mut().enumerate() {
        // SAFETY: the caller vouches for all that is loaded.
        *vector = unsafe { vld1q_f32(from.add(i * step)) };
    }
    all
}

/// `if a < b { a } else { b }` in each lane: a NaN in `b` wins.
#[target_feature(enable = "neon")]
#[inline]
fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vbslq_f32(vcltq_f32(a, b), a, b)
}

/// `if a > b { a } else { b }` in each lane: a NaN in `b` wins.
#[target_feature(enable = "neon")]
#[inline]
fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vbslq_f32(vcgtq_f32(a, b), a, b)
}

/// A constant times `2^(k/8)`, of `k/8 + 127 + 1.5 · 2^20` in each lane. The last three bits choose from a table, to which
/// the low bits are added as exponent bits.
#[target_feature(enable = "neon")]
#[inline]
fn power_of_root(a: float32x4_t) -> float32x4_t {
    static TABLE: [u32; 8] = [0x415948, 0x42d92b, 0x45ee85, 0x4abe08, 0x48b7dd, 0x45179f, 0x429616, 0x414d35];
    // SAFETY: the table has the 32 bytes that are read.
    let table = unsafe { vld1q_u8_x2(TABLE.as_ptr().cast()) };
    let bits = vreinterpretq_u32_f32(a);
    // Four bytes of the table make one of its values.
    let first = vandq_u32(vshlq_n_u32::<2>(bits), vdupq_n_u32(28));
    let bytes = vmlaq_n_u32(vdupq_n_u32(0x0302_0100), first, 0x0101_0101);
    let found = vreinterpretq_u32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(bytes)));
    vreinterpretq_f32_u32(vaddq_u32(vshlq_n_u32::<20>(bits), found))
}

/// Keeps the compiler from holding what was loaded before in registers, of which there are too few.
#[inline(always)]
fn reload() {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::Acquire);
}

/// `g1ic3oc5_ih4oh2kh3sh2ph1_iw4ow2kw3sw2pw1_n"stem"`
///
/// Reads src1[..36], src2[..36], wei[..448]; writes dst[..32].
#[target_feature(enable = "neon")]
#[inline(never)]
unsafe extern "C" fn direct3x3s2_2x16_rows2_ow2_k27_n8_silu_neon(
    src1: *const f32,
    src2: *const f32,
    wei: *const f32,
    dst: *mut f32,
) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // A tile of 1 column by 8 lanes: sums that begin at the bias.
        let b = loads::<2>(wei, 4);
        let mut sum = b;
        // Adds the products of 3 input channels, 2 rows of the window each.
        for c in 0..3 {
            for i in 0..2 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 80), 4);
                let a = vdupq_n_f32(*src1.add(c * 16 + i));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
            for i in 0..2 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 128), 4);
                let a = vdupq_n_f32(*src2.add(c * 16 + i));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
        }
        // Stores the results, and zeros for the lanes without a channel; silu follows when all are stored.
        vst1q_f32(dst, sum[0]);
        vst1q_f32(dst.add(4), sum[1]);
        let zero = vdupq_n_f32(0.0);
        vst1q_f32(dst.add(8), zero);
        vst1q_f32(dst.add(12), zero);
        // A tile of 1 column by 8 lanes: sums that begin at the bias.
        let b = loads::<2>(wei, 4);
        let mut sum = b;
        // Adds the products of 3 input channels, 2 rows of the window each.
        for c in 0..3 {
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 64), 4);
                let a = vdupq_n_f32(*src1.add(c * 16 + i + 1));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 112), 4);
                let a = vdupq_n_f32(*src2.add(c * 16 + i + 1));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
        }
        // Stores the results, and zeros for the lanes without a channel; silu follows when all are stored.
        vst1q_f32(dst.add(16), sum[0]);
        vst1q_f32(dst.add(20), sum[1]);
        let zero = vdupq_n_f32(0.0);
        vst1q_f32(dst.add(24), zero);
        vst1q_f32(dst.add(28), zero);
        // Applies silu to what is stored.
        for r in 0..2 {
            let mut y0 = vld1q_f32(dst.add(r * 16));
            let mut y1 = vld1q_f32(dst.add(r * 16 + 4));
            let round = vdupq_n_f32(1572991.0);
            let least = vdupq_n_f32(-125.5);
            let most = vdupq_n_f32(125.5);
            let one = vdupq_n_f32(std::f32::consts::LOG2_E);
            let p0 = vdupq_n_f32(0.9550874);
            let p1 = vdupq_n_f32(-0.66201615);
            let p2 = vdupq_n_f32(0.22946915);
            let p3 = vdupq_n_f32(-0.05301846);
            y0 = max(least, y0);
            y1 = max(least, y1);
            let arg0 = min(most, y0);
            let arg1 = min(most, y1);
            let bits0 = vsubq_f32(round, arg0);
            let bits1 = vsubq_f32(round, arg1);
            let exponent0 = vsubq_f32(bits0, round);
            let exponent1 = vsubq_f32(bits1, round);
            let s0 = vaddq_f32(arg0, exponent0);
            let s1 = vaddq_f32(arg1, exponent1);
            let exp0 = vfmaq_f32(p2, p3, s0);
            let exp1 = vfmaq_f32(p2, p3, s1);
            let exp0 = vfmaq_f32(p1, exp0, s0);
            let exp1 = vfmaq_f32(p1, exp1, s1);
            let exp0 = vfmaq_f32(p0, exp0, s0);
            let exp1 = vfmaq_f32(p0, exp1, s1);
            let power0 = power_of_root(bits0);
            let power1 = power_of_root(bits1);
            let under0 = vfmaq_f32(one, exp0, power0);
            let under1 = vfmaq_f32(one, exp1, power1);
            y0 = vdivq_f32(y0, under0);
            y1 = vdivq_f32(y1, under1);
            vst1q_f32(dst.add(r * 16), y0);
            vst1q_f32(dst.add(r * 16 + 4), y1);
        }
    }
}

/// `g1ic3oc5_ih4oh2kh3sh2ph1_iw4ow2kw3sw2pw1_n"stem"`
///
/// Reads src0[..36], src1[..36], src2[..36], wei[..448]; writes dst[..32].
#[target_feature(enable = "neon")]
#[inline(never)]
unsafe extern "C" fn direct3x3s2_2x16_rows3_ow2_k27_n8_silu_neon(
    src0: *const f32,
    src1: *const f32,
    src2: *const f32,
    wei: *const f32,
    dst: *mut f32,
) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // A tile of 1 column by 8 lanes: sums that begin at the bias.
        let b = loads::<2>(wei, 4);
        let mut sum = b;
        // Adds the products of 3 input channels, 3 rows of the window each.
        for c in 0..3 {
            for i in 0..2 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 32), 4);
                let a = vdupq_n_f32(*src0.add(c * 16 + i));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
            for i in 0..2 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 80), 4);
                let a = vdupq_n_f32(*src1.add(c * 16 + i));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
            for i in 0..2 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 128), 4);
                let a = vdupq_n_f32(*src2.add(c * 16 + i));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
        }
        // Stores the results, and zeros for the lanes without a channel; silu follows when all are stored.
        vst1q_f32(dst, sum[0]);
        vst1q_f32(dst.add(4), sum[1]);
        let zero = vdupq_n_f32(0.0);
        vst1q_f32(dst.add(8), zero);
        vst1q_f32(dst.add(12), zero);
        // A tile of 1 column by 8 lanes: sums that begin at the bias.
        let b = loads::<2>(wei, 4);
        let mut sum = b;
        // Adds the products of 3 input channels, 3 rows of the window each.
        for c in 0..3 {
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 16), 4);
                let a = vdupq_n_f32(*src0.add(c * 16 + i + 1));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 64), 4);
                let a = vdupq_n_f32(*src1.add(c * 16 + i + 1));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 112), 4);
                let a = vdupq_n_f32(*src2.add(c * 16 + i + 1));
                sum[0] = vfmaq_f32(sum[0], a, w[0]);
                sum[1] = vfmaq_f32(sum[1], a, w[1]);
            }
        }
        // Stores the results, and zeros for the lanes without a channel; silu follows when all are stored.
        vst1q_f32(dst.add(16), sum[0]);
        vst1q_f32(dst.add(20), sum[1]);
        let zero = vdupq_n_f32(0.0);
        vst1q_f32(dst.add(24), zero);
        vst1q_f32(dst.add(28), zero);
        // Applies silu to what is stored.
        for r in 0..2 {
            let mut y0 = vld1q_f32(dst.add(r * 16));
            let mut y1 = vld1q_f32(dst.add(r * 16 + 4));
            let round = vdupq_n_f32(1572991.0);
            let least = vdupq_n_f32(-125.5);
            let most = vdupq_n_f32(125.5);
            let one = vdupq_n_f32(std::f32::consts::LOG2_E);
            let p0 = vdupq_n_f32(0.9550874);
            let p1 = vdupq_n_f32(-0.66201615);
            let p2 = vdupq_n_f32(0.22946915);
            let p3 = vdupq_n_f32(-0.05301846);
            y0 = max(least, y0);
            y1 = max(least, y1);
            let arg0 = min(most, y0);
            let arg1 = min(most, y1);
            let bits0 = vsubq_f32(round, arg0);
            let bits1 = vsubq_f32(round, arg1);
            let exponent0 = vsubq_f32(bits0, round);
            let exponent1 = vsubq_f32(bits1, round);
            let s0 = vaddq_f32(arg0, exponent0);
            let s1 = vaddq_f32(arg1, exponent1);
            let exp0 = vfmaq_f32(p2, p3, s0);
            let exp1 = vfmaq_f32(p2, p3, s1);
            let exp0 = vfmaq_f32(p1, exp0, s0);
            let exp1 = vfmaq_f32(p1, exp1, s1);
            let exp0 = vfmaq_f32(p0, exp0, s0);
            let exp1 = vfmaq_f32(p0, exp1, s1);
            let power0 = power_of_root(bits0);
            let power1 = power_of_root(bits1);
            let under0 = vfmaq_f32(one, exp0, power0);
            let under1 = vfmaq_f32(one, exp1, power1);
            y0 = vdivq_f32(y0, under0);
            y1 = vdivq_f32(y1, under1);
            vst1q_f32(dst.add(r * 16), y0);
            vst1q_f32(dst.add(r * 16 + 4), y1);
        }
    }
}

/// `mean_ic5_ih2oh1kh2ph0_iw2ow1kw2pw0_n"pool"`
///
/// Reads src[..64]; writes dst[..16].
#[target_feature(enable = "neon")]
#[inline(never)]
unsafe extern "C" fn mean_m4_c16_neon(src: *const f32, dst: *mut f32) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // Sums of 16 lanes, 4 each, of which none waits for another.
        let mut s0_0 = vld1q_f32(src);
        let mut s0_1 = vld1q_f32(src.add(4));
        let mut s0_2 = vld1q_f32(src.add(8));
        let mut s0_3 = vld1q_f32(src.add(12));
        let s1_0 = vld1q_f32(src.add(16));
        let s1_1 = vld1q_f32(src.add(20));
        let s1_2 = vld1q_f32(src.add(24));
        let s1_3 = vld1q_f32(src.add(28));
        let s2_0 = vld1q_f32(src.add(32));
        let s2_1 = vld1q_f32(src.add(36));
        let s2_2 = vld1q_f32(src.add(40));
        let s2_3 = vld1q_f32(src.add(44));
        let s3_0 = vld1q_f32(src.add(48));
        let s3_1 = vld1q_f32(src.add(52));
        let s3_2 = vld1q_f32(src.add(56));
        let s3_3 = vld1q_f32(src.add(60));
        // Adds 0 pixels.
        // Adds the sums of a lane, and stores the factor times that.
        let factor = vdupq_n_f32(0.25);
        s0_0 = vaddq_f32(s0_0, s1_0);
        s0_0 = vaddq_f32(s0_0, s2_0);
        s0_0 = vaddq_f32(s0_0, s3_0);
        s0_0 = vmulq_f32(s0_0, factor);
        vst1q_f32(dst, s0_0);
        s0_1 = vaddq_f32(s0_1, s1_1);
        s0_1 = vaddq_f32(s0_1, s2_1);
        s0_1 = vaddq_f32(s0_1, s3_1);
        s0_1 = vmulq_f32(s0_1, factor);
        vst1q_f32(dst.add(4), s0_1);
        s0_2 = vaddq_f32(s0_2, s1_2);
        s0_2 = vaddq_f32(s0_2, s2_2);
        s0_2 = vaddq_f32(s0_2, s3_2);
        s0_2 = vmulq_f32(s0_2, factor);
        vst1q_f32(dst.add(8), s0_2);
        s0_3 = vaddq_f32(s0_3, s1_3);
        s0_3 = vaddq_f32(s0_3, s2_3);
        s0_3 = vaddq_f32(s0_3, s3_3);
        s0_3 = vmulq_f32(s0_3, factor);
        vst1q_f32(dst.add(12), s0_3);
    }
}

/// `g1ic5oc4_ih1oh1kh1ph0_iw1ow1kw1pw0_n"fc"`
///
/// Reads src[..5], wei[..96]; writes dst[..16].
#[target_feature(enable = "neon")]
#[inline(never)]
unsafe extern "C" fn pointwise_1x16_m1_k5_n4_neon(src: *const f32, wei: *const f32, dst: *mut f32) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // A tile of 1 pixel by 4 lanes: sums that begin at the bias.
        let b = vld1q_f32(wei);
        let mut sum = b;
        // Adds the products of 5 input lanes.
        for k in 0..5 {
            let w = vld1q_f32(wei.add(k * 16 + 16));
            let a = vdupq_n_f32(*src.add(k));
            sum = vfmaq_f32(sum, a, w);
        }
        // Stores the results, and zeros for the lanes without a channel.
        vst1q_f32(dst, sum);
        let zero = vdupq_n_f32(0.0);
        vst1q_f32(dst.add(4), zero);
        vst1q_f32(dst.add(8), zero);
        vst1q_f32(dst.add(12), zero);
    }
}

/// `g1ic3oc5_ih4oh2kh3sh2ph1_iw4ow2kw3sw2pw1_n"stem"`
#[target_feature(enable = "neon")]
unsafe extern "C" fn stage_00(cx: &Context, units: &mut Units<'_>) {
    let (input, arena, weights) = (cx.input(), cx.arena(), cx.weights());
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for unit in units {
            // stem: 4x4x3 to 2x2x5
            match unit {
                0 => direct3x3s2_2x16_rows2_ow2_k27_n8_silu_neon(input, input.add(4), weights, arena),
                _ => {
                    direct3x3s2_2x16_rows3_ow2_k27_n8_silu_neon(input.add(4), input.add(8), input.add(12), weights, arena.add(32))
                }
            }
        }
    }
}

/// `mean_ic5_ih2oh1kh2ph0_iw2ow1kw2pw0_n"pool"`
#[target_feature(enable = "neon")]
unsafe extern "C" fn stage_01(cx: &Context, units: &mut Units<'_>) {
    let arena = cx.arena();
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for _ in units {
            mean_m4_c16_neon(arena, arena.add(64));
        }
    }
}

/// `g1ic5oc4_ih1oh1kh1ph0_iw1ow1kw1pw0_n"fc"`
#[target_feature(enable = "neon")]
unsafe extern "C" fn stage_02(cx: &Context, units: &mut Units<'_>) {
    let (arena, weights) = (cx.arena(), cx.weights());
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for _ in units {
            pointwise_1x16_m1_k5_n4_neon(arena.add(64), weights.add(448), arena);
        }
    }
}

/// Copies the results to the output, NCHW.
unsafe extern "C" fn outputs(cx: &Context, units: &mut Units<'_>) {
    // SAFETY: the arena and the output are as long as the program says, and every place below was proven to lie in them.
    unsafe {
        for _ in units {
            let src = std::slice::from_raw_parts(cx.arena(), 16);
            let dst = std::slice::from_raw_parts_mut(cx.output().add(cx.pass() * 4), 4);
            layout::unpack(src, 16, 1, 1, 4, dst);
        }
    }
}

static STAGES: [Stage; 4] = [
    Stage::new("stem", 2, stage_00),
    Stage::new("pool", 1, stage_01),
    Stage::new("fc", 1, stage_02),
    Stage::new("outputs", 1, outputs),
];

/// The network at this level.
pub static PROGRAM: Program = {
    let lengths = Lengths { input: 48, output: 4, arena: 80, scratch: 0 };
    // SAFETY: before they were written, the stages were proven to keep to these lengths and the weights' with every split of
    // their units, and all of them use the features of this level.
    unsafe { Program::new(Level::Neon, 1, lengths, WEIGHTS, &STAGES) }
};
