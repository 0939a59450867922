//! `golden` for avx512.
//!
//! Memory in f32: arena 80, scratch 0 a thread, weights 544.
//!
//! | map | h x w x c | f32 | where |
//! | --- | --- | ---: | --- |
//! | `input` | 4 x 4 x 3 | 48 | input, NCHW |
//! | `stem.act` | 2 x 2 x 5 | 64 | arena + 0 |
//! | `pool` | 1 x 1 x 5 | 16 | arena + 64 |
//! | `fc` | 1 x 1 x 4 | 16 | arena + 0 |

use std::arch::x86_64::*;

use crate::runtime::{Context, Lengths, Level, Program, Stage, Units, layout};
use crate::weights::WEIGHTS;

/// A constant times `2^(k/8)`, of `k/8 + 127 + 1.5 · 2^20` in each lane. The last three bits choose from a table, to which
/// the low bits are added as exponent bits.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline]
fn power_of_root(a: __m512) -> __m512 {
    let table = _mm256_setr_epi32(0x415948, 0x42d92b, 0x45ee85, 0x4abe08, 0x48b7dd, 0x45179f, 0x429616, 0x414d35);
    let bits = _mm512_castps_si512(a);
    // Twice, as an index has four bits.
    let found = _mm512_permutexvar_epi32(bits, _mm512_broadcast_i32x8(table));
    _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32::<20>(bits), found))
}

/// Keeps the compiler from holding what was loaded before in registers, of which there are too few.
#[inline(always)]
fn reload() {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::Acquire);
}

/// `g1ic3oc5_ih4oh2kh3sh2ph1_iw4ow2kw3sw2pw1_n"stem"`
///
/// Reads src1[..36], src2[..36], src3[..36], src4[..36], wei[..448]; writes dst[..64].
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline(never)]
unsafe extern "C" fn direct3x3s2_4x16_rows4_ow2_k27_n16_silu_avx512(
    src1: *const f32,
    src2: *const f32,
    src3: *const f32,
    src4: *const f32,
    wei: *const f32,
    dst: *mut f32,
) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // A tile of 1 column of 2 rows by 16 lanes: sums that begin at the bias.
        let b = _mm512_loadu_ps(wei);
        let mut sum = [b; 2];
        // Adds the products of 3 input channels, 3 rows of the window each.
        for c in 0..3 {
            reload();
            let w = _mm512_loadu_ps(wei.add(c * 144 + 32));
            let a = _mm512_set1_ps(*src2.add(c * 16));
            sum[1] = _mm512_fmadd_ps(a, w, sum[1]);
            reload();
            let w = _mm512_loadu_ps(wei.add(c * 144 + 48));
            let a = _mm512_set1_ps(*src2.add(c * 16 + 1));
            sum[1] = _mm512_fmadd_ps(a, w, sum[1]);
            for i in 0..2 {
                reload();
                let w = _mm512_loadu_ps(wei.add(c * 144 + i * 16 + 80));
                let a = _mm512_set1_ps(*src1.add(c * 16 + i));
                sum[0] = _mm512_fmadd_ps(a, w, sum[0]);
                let a = _mm512_set1_ps(*src3.add(c * 16 + i));
                sum[1] = _mm512_fmadd_ps(a, w, sum[1]);
            }
            for i in 0..2 {
                reload();
                let w = _mm512_loadu_ps(wei.add(c * 144 + i * 16 + 128));
                let a = _mm512_set1_ps(*src2.add(c * 16 + i));
                sum[0] = _mm512_fmadd_ps(a, w, sum[0]);
                let a = _mm512_set1_ps(*src4.add(c * 16 + i));
                sum[1] = _mm512_fmadd_ps(a, w, sum[1]);
            }
        }
        // Stores the results; silu follows when all are stored.
        _mm512_storeu_ps(dst, sum[0]);
        _mm512_storeu_ps(dst.add(32), sum[1]);
        // A tile of 1 column of 2 rows by 16 lanes: sums that begin at the bias.
        let b = _mm512_loadu_ps(wei);
        let mut sum = [b; 2];
        // Adds the products of 3 input channels, 3 rows of the window each.
        for c in 0..3 {
            for i in 0..3 {
                reload();
                let w = _mm512_loadu_ps(wei.add(c * 144 + i * 16 + 16));
                let a = _mm512_set1_ps(*src2.add(c * 16 + i + 1));
                sum[1] = _mm512_fmadd_ps(a, w, sum[1]);
            }
            for i in 0..3 {
                reload();
                let w = _mm512_loadu_ps(wei.add(c * 144 + i * 16 + 64));
                let a = _mm512_set1_ps(*src1.add(c * 16 + i + 1));
                sum[0] = _mm512_fmadd_ps(a, w, sum[0]);
                let a = _mm512_set1_ps(*src3.add(c * 16 + i + 1));
                sum[1] = _mm512_fmadd_ps(a, w, sum[1]);
            }
            for i in 0..3 {
                reload();
                let w = _mm512_loadu_ps(wei.add(c * 144 + i * 16 + 112));
                let a = _mm512_set1_ps(*src2.add(c * 16 + i + 1));
                sum[0] = _mm512_fmadd_ps(a, w, sum[0]);
                let a = _mm512_set1_ps(*src4.add(c * 16 + i + 1));
                sum[1] = _mm512_fmadd_ps(a, w, sum[1]);
            }
        }
        // Stores the results; silu follows when all are stored.
        _mm512_storeu_ps(dst.add(16), sum[0]);
        _mm512_storeu_ps(dst.add(48), sum[1]);
        // Applies silu to what is stored.
        for r in 0..4 {
            let mut y0 = _mm512_loadu_ps(dst.add(r * 16));
            let round = _mm512_set1_ps(1572991.0);
            let least = _mm512_set1_ps(-125.5);
            let most = _mm512_set1_ps(125.5);
            let one = _mm512_set1_ps(std::f32::consts::LOG2_E);
            let p0 = _mm512_set1_ps(0.9550874);
            let p1 = _mm512_set1_ps(-0.66201615);
            let p2 = _mm512_set1_ps(0.22946915);
            let p3 = _mm512_set1_ps(-0.05301846);
            y0 = _mm512_max_ps(least, y0);
            let arg0 = _mm512_min_ps(most, y0);
            let bits0 = _mm512_sub_ps(round, arg0);
            let exponent0 = _mm512_sub_ps(bits0, round);
            let s0 = _mm512_add_ps(arg0, exponent0);
            let exp0 = _mm512_fmadd_ps(p3, s0, p2);
            let exp0 = _mm512_fmadd_ps(exp0, s0, p1);
            let exp0 = _mm512_fmadd_ps(exp0, s0, p0);
            let power0 = power_of_root(bits0);
            let under0 = _mm512_fmadd_ps(exp0, power0, one);
            y0 = _mm512_div_ps(y0, under0);
            _mm512_storeu_ps(dst.add(r * 16), y0);
        }
    }
}

/// `mean_ic5_ih2oh1kh2ph0_iw2ow1kw2pw0_n"pool"`
///
/// Reads src[..64]; writes dst[..16].
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline(never)]
unsafe extern "C" fn mean_m4_c16_avx512(src: *const f32, dst: *mut f32) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // Sums of 16 lanes, 4 each, of which none waits for another.
        let mut s0_0 = _mm512_loadu_ps(src);
        let s1_0 = _mm512_loadu_ps(src.add(16));
        let s2_0 = _mm512_loadu_ps(src.add(32));
        let s3_0 = _mm512_loadu_ps(src.add(48));
        // Adds 0 pixels.
        // Adds the sums of a lane, and stores the factor times that.
        let factor = _mm512_set1_ps(0.25);
        s0_0 = _mm512_add_ps(s0_0, s1_0);
        s0_0 = _mm512_add_ps(s0_0, s2_0);
        s0_0 = _mm512_add_ps(s0_0, s3_0);
        s0_0 = _mm512_mul_ps(s0_0, factor);
        _mm512_storeu_ps(dst, s0_0);
    }
}

/// `g1ic5oc4_ih1oh1kh1ph0_iw1ow1kw1pw0_n"fc"`
///
/// Reads src[..5], wei[..96]; writes dst[..16].
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline(never)]
unsafe extern "C" fn pointwise_1x16_m1_k5_n16_avx512(src: *const f32, wei: *const f32, dst: *mut f32) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // A tile of 1 pixel by 16 lanes: sums that begin at the bias.
        let b = _mm512_loadu_ps(wei);
        let mut sum = b;
        // Adds the products of 5 input lanes.
        for k in 0..5 {
            let w = _mm512_loadu_ps(wei.add(k * 16 + 16));
            let a = _mm512_set1_ps(*src.add(k));
            sum = _mm512_fmadd_ps(a, w, sum);
        }
        // Stores the results.
        _mm512_storeu_ps(dst, sum);
    }
}

/// `g1ic3oc5_ih4oh2kh3sh2ph1_iw4ow2kw3sw2pw1_n"stem"`
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe extern "C" fn stage_00(cx: &Context, units: &mut Units<'_>) {
    let (input, arena, weights) = (cx.input(), cx.arena(), cx.weights());
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for _ in units {
            // stem: 4x4x3 to 2x2x5
            direct3x3s2_4x16_rows4_ow2_k27_n16_silu_avx512(input, input.add(4), input.add(8), input.add(12), weights, arena);
        }
    }
}

/// `mean_ic5_ih2oh1kh2ph0_iw2ow1kw2pw0_n"pool"`
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe extern "C" fn stage_01(cx: &Context, units: &mut Units<'_>) {
    let arena = cx.arena();
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for _ in units {
            mean_m4_c16_avx512(arena, arena.add(64));
        }
    }
}

/// `g1ic5oc4_ih1oh1kh1ph0_iw1ow1kw1pw0_n"fc"`
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe extern "C" fn stage_02(cx: &Context, units: &mut Units<'_>) {
    let (arena, weights) = (cx.arena(), cx.weights());
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for _ in units {
            pointwise_1x16_m1_k5_n16_avx512(arena.add(64), weights.add(448), arena);
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
    Stage::new("stem", 1, stage_00),
    Stage::new("pool", 1, stage_01),
    Stage::new("fc", 1, stage_02),
    Stage::new("outputs", 1, outputs),
];

/// The network at this level.
pub static PROGRAM: Program = {
    let lengths = Lengths { input: 48, output: 4, arena: 80, scratch: 0 };
    // SAFETY: before they were written, the stages were proven to keep to these lengths and the weights' with every split of
    // their units, and all of them use the features of this level.
    unsafe { Program::new(Level::Avx512, 1, lengths, WEIGHTS, &STAGES) }
};
