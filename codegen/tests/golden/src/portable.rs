//! `golden` for portable.
//!
//! Memory in f32: arena 80, scratch 0 a thread, weights 544.
//!
//! | map | h x w x c | f32 | where |
//! | --- | --- | ---: | --- |
//! | `input` | 4 x 4 x 3 | 48 | input, NCHW |
//! | `stem.act` | 2 x 2 x 5 | 64 | arena + 0 |
//! | `pool` | 1 x 1 x 5 | 16 | arena + 64 |
//! | `fc` | 1 x 1 x 4 | 16 | arena + 0 |

use crate::runtime::{Context, Lengths, Level, Program, Stage, Units, layout};
use crate::weights::WEIGHTS;

/// Four lanes of plain Rust.
#[derive(Clone, Copy)]
struct F32x4([f32; 4]);

#[inline(always)]
unsafe fn load(from: *const f32) -> F32x4 {
    // SAFETY: the caller vouches for four f32.
    F32x4(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
}

/// `N` vectors, each `step` f32 behind the one before.
#[inline(always)]
unsafe fn loads<const N: usize>(from: *const f32, step: usize) -> [F32x4; N] {
    let mut all = [splat(0.0); N];
    for (i, vector) in all.iter_mut().enumerate() {
        // SAFETY: the caller vouches for all that is loaded.
        *vector = unsafe { load(from.add(i * step)) };
    }
    all
}

#[inline(always)]
unsafe fn store(to: *mut f32, a: F32x4) {
    // SAFETY: the caller vouches for four f32.
    unsafe { to.cast::<[f32; 4]>().write_unaligned(a.0) };
}

#[inline(always)]
fn splat(a: f32) -> F32x4 {
    F32x4([a; 4])
}

#[inline(always)]
fn add(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([a.0[0] + b.0[0], a.0[1] + b.0[1], a.0[2] + b.0[2], a.0[3] + b.0[3]])
}

#[inline(always)]
fn sub(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([a.0[0] - b.0[0], a.0[1] - b.0[1], a.0[2] - b.0[2], a.0[3] - b.0[3]])
}

#[inline(always)]
fn mul(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([a.0[0] * b.0[0], a.0[1] * b.0[1], a.0[2] * b.0[2], a.0[3] * b.0[3]])
}

#[inline(always)]
fn div(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([a.0[0] / b.0[0], a.0[1] / b.0[1], a.0[2] / b.0[2], a.0[3] / b.0[3]])
}

/// `a * b + c`, rounded twice: without the instruction, rounding once would take a function call.
#[inline(always)]
fn mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
    F32x4([a.0[0] * b.0[0] + c.0[0], a.0[1] * b.0[1] + c.0[1], a.0[2] * b.0[2] + c.0[2], a.0[3] * b.0[3] + c.0[3]])
}

/// `if a < b { a } else { b }` in each lane: a NaN in `b` wins.
#[inline(always)]
fn min(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([
        if a.0[0] < b.0[0] { a.0[0] } else { b.0[0] },
        if a.0[1] < b.0[1] { a.0[1] } else { b.0[1] },
        if a.0[2] < b.0[2] { a.0[2] } else { b.0[2] },
        if a.0[3] < b.0[3] { a.0[3] } else { b.0[3] },
    ])
}

/// `if a > b { a } else { b }` in each lane: a NaN in `b` wins.
#[inline(always)]
fn max(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([
        if a.0[0] > b.0[0] { a.0[0] } else { b.0[0] },
        if a.0[1] > b.0[1] { a.0[1] } else { b.0[1] },
        if a.0[2] > b.0[2] { a.0[2] } else { b.0[2] },
        if a.0[3] > b.0[3] { a.0[3] } else { b.0[3] },
    ])
}

/// A constant times `2^(k/8)`, of `k/8 + 127 + 1.5 · 2^20` in each lane. The last three bits choose from a table, to which
/// the low bits are added as exponent bits.
#[inline(always)]
fn power_of_root(a: F32x4) -> F32x4 {
    const TABLE: [u32; 8] = [0x415948, 0x42d92b, 0x45ee85, 0x4abe08, 0x48b7dd, 0x45179f, 0x429616, 0x414d35];
    F32x4(a.0.map(|a| f32::from_bits((a.to_bits() << 20).wrapping_add(TABLE[a.to_bits() as usize % 8]))))
}

/// Keeps the compiler from holding what was loaded before in registers, of which there are too few.
#[inline(always)]
fn reload() {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::Acquire);
}

/// `g1ic3oc5_ih4oh2kh3sh2ph1_iw4ow2kw3sw2pw1_n"stem"`
///
/// Reads src1[..36], src2[..36], wei[..448]; writes dst[..32].
#[inline(never)]
unsafe extern "C" fn direct3x3s2_2x16_rows2_ow2_k27_n8_silu_portable(
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
                let a = splat(*src1.add(c * 16 + i));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
            for i in 0..2 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 128), 4);
                let a = splat(*src2.add(c * 16 + i));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
        }
        // Stores the results, and zeros for the lanes without a channel; silu follows when all are stored.
        store(dst, sum[0]);
        store(dst.add(4), sum[1]);
        let zero = splat(0.0);
        store(dst.add(8), zero);
        store(dst.add(12), zero);
        // A tile of 1 column by 8 lanes: sums that begin at the bias.
        let b = loads::<2>(wei, 4);
        let mut sum = b;
        // Adds the products of 3 input channels, 2 rows of the window each.
        for c in 0..3 {
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 64), 4);
                let a = splat(*src1.add(c * 16 + i + 1));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 112), 4);
                let a = splat(*src2.add(c * 16 + i + 1));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
        }
        // Stores the results, and zeros for the lanes without a channel; silu follows when all are stored.
        store(dst.add(16), sum[0]);
        store(dst.add(20), sum[1]);
        let zero = splat(0.0);
        store(dst.add(24), zero);
        store(dst.add(28), zero);
        // Applies silu to what is stored.
        for r in 0..2 {
            let mut y0 = load(dst.add(r * 16));
            let mut y1 = load(dst.add(r * 16 + 4));
            let round = splat(1572991.0);
            let least = splat(-125.5);
            let most = splat(125.5);
            let one = splat(std::f32::consts::LOG2_E);
            let p0 = splat(0.9550874);
            let p1 = splat(-0.66201615);
            let p2 = splat(0.22946915);
            let p3 = splat(-0.05301846);
            y0 = max(least, y0);
            y1 = max(least, y1);
            let arg0 = min(most, y0);
            let arg1 = min(most, y1);
            let bits0 = sub(round, arg0);
            let bits1 = sub(round, arg1);
            let exponent0 = sub(bits0, round);
            let exponent1 = sub(bits1, round);
            let s0 = add(arg0, exponent0);
            let s1 = add(arg1, exponent1);
            let exp0 = mul_add(p3, s0, p2);
            let exp1 = mul_add(p3, s1, p2);
            let exp0 = mul_add(exp0, s0, p1);
            let exp1 = mul_add(exp1, s1, p1);
            let exp0 = mul_add(exp0, s0, p0);
            let exp1 = mul_add(exp1, s1, p0);
            let power0 = power_of_root(bits0);
            let power1 = power_of_root(bits1);
            let under0 = mul_add(exp0, power0, one);
            let under1 = mul_add(exp1, power1, one);
            y0 = div(y0, under0);
            y1 = div(y1, under1);
            store(dst.add(r * 16), y0);
            store(dst.add(r * 16 + 4), y1);
        }
    }
}

/// `g1ic3oc5_ih4oh2kh3sh2ph1_iw4ow2kw3sw2pw1_n"stem"`
///
/// Reads src0[..36], src1[..36], src2[..36], wei[..448]; writes dst[..32].
#[inline(never)]
unsafe extern "C" fn direct3x3s2_2x16_rows3_ow2_k27_n8_silu_portable(
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
                let a = splat(*src0.add(c * 16 + i));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
            for i in 0..2 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 80), 4);
                let a = splat(*src1.add(c * 16 + i));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
            for i in 0..2 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 128), 4);
                let a = splat(*src2.add(c * 16 + i));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
        }
        // Stores the results, and zeros for the lanes without a channel; silu follows when all are stored.
        store(dst, sum[0]);
        store(dst.add(4), sum[1]);
        let zero = splat(0.0);
        store(dst.add(8), zero);
        store(dst.add(12), zero);
        // A tile of 1 column by 8 lanes: sums that begin at the bias.
        let b = loads::<2>(wei, 4);
        let mut sum = b;
        // Adds the products of 3 input channels, 3 rows of the window each.
        for c in 0..3 {
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 16), 4);
                let a = splat(*src0.add(c * 16 + i + 1));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 64), 4);
                let a = splat(*src1.add(c * 16 + i + 1));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
            for i in 0..3 {
                reload();
                let w = loads::<2>(wei.add(c * 144 + i * 16 + 112), 4);
                let a = splat(*src2.add(c * 16 + i + 1));
                sum[0] = mul_add(a, w[0], sum[0]);
                sum[1] = mul_add(a, w[1], sum[1]);
            }
        }
        // Stores the results, and zeros for the lanes without a channel; silu follows when all are stored.
        store(dst.add(16), sum[0]);
        store(dst.add(20), sum[1]);
        let zero = splat(0.0);
        store(dst.add(24), zero);
        store(dst.add(28), zero);
        // Applies silu to what is stored.
        for r in 0..2 {
            let mut y0 = load(dst.add(r * 16));
            let mut y1 = load(dst.add(r * 16 + 4));
            let round = splat(1572991.0);
            let least = splat(-125.5);
            let most = splat(125.5);
            let one = splat(std::f32::consts::LOG2_E);
            let p0 = splat(0.9550874);
            let p1 = splat(-0.66201615);
            let p2 = splat(0.22946915);
            let p3 = splat(-0.05301846);
            y0 = max(least, y0);
            y1 = max(least, y1);
            let arg0 = min(most, y0);
            let arg1 = min(most, y1);
            let bits0 = sub(round, arg0);
            let bits1 = sub(round, arg1);
            let exponent0 = sub(bits0, round);
            let exponent1 = sub(bits1, round);
            let s0 = add(arg0, exponent0);
            let s1 = add(arg1, exponent1);
            let exp0 = mul_add(p3, s0, p2);
            let exp1 = mul_add(p3, s1, p2);
            let exp0 = mul_add(exp0, s0, p1);
            let exp1 = mul_add(exp1, s1, p1);
            let exp0 = mul_add(exp0, s0, p0);
            let exp1 = mul_add(exp1, s1, p0);
            let power0 = power_of_root(bits0);
            let power1 = power_of_root(bits1);
            let under0 = mul_add(exp0, power0, one);
            let under1 = mul_add(exp1, power1, one);
            y0 = div(y0, under0);
            y1 = div(y1, under1);
            store(dst.add(r * 16), y0);
            store(dst.add(r * 16 + 4), y1);
        }
    }
}

/// `mean_ic5_ih2oh1kh2ph0_iw2ow1kw2pw0_n"pool"`
///
/// Reads src[..64]; writes dst[..16].
#[inline(never)]
unsafe extern "C" fn mean_m4_c16_portable(src: *const f32, dst: *mut f32) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // Sums of 16 lanes, 4 each, of which none waits for another.
        let mut s0_0 = load(src);
        let mut s0_1 = load(src.add(4));
        let mut s0_2 = load(src.add(8));
        let mut s0_3 = load(src.add(12));
        let s1_0 = load(src.add(16));
        let s1_1 = load(src.add(20));
        let s1_2 = load(src.add(24));
        let s1_3 = load(src.add(28));
        let s2_0 = load(src.add(32));
        let s2_1 = load(src.add(36));
        let s2_2 = load(src.add(40));
        let s2_3 = load(src.add(44));
        let s3_0 = load(src.add(48));
        let s3_1 = load(src.add(52));
        let s3_2 = load(src.add(56));
        let s3_3 = load(src.add(60));
        // Adds 0 pixels.
        // Adds the sums of a lane, and stores the factor times that.
        let factor = splat(0.25);
        s0_0 = add(s0_0, s1_0);
        s0_0 = add(s0_0, s2_0);
        s0_0 = add(s0_0, s3_0);
        s0_0 = mul(s0_0, factor);
        store(dst, s0_0);
        s0_1 = add(s0_1, s1_1);
        s0_1 = add(s0_1, s2_1);
        s0_1 = add(s0_1, s3_1);
        s0_1 = mul(s0_1, factor);
        store(dst.add(4), s0_1);
        s0_2 = add(s0_2, s1_2);
        s0_2 = add(s0_2, s2_2);
        s0_2 = add(s0_2, s3_2);
        s0_2 = mul(s0_2, factor);
        store(dst.add(8), s0_2);
        s0_3 = add(s0_3, s1_3);
        s0_3 = add(s0_3, s2_3);
        s0_3 = add(s0_3, s3_3);
        s0_3 = mul(s0_3, factor);
        store(dst.add(12), s0_3);
    }
}

/// `g1ic5oc4_ih1oh1kh1ph0_iw1ow1kw1pw0_n"fc"`
///
/// Reads src[..5], wei[..96]; writes dst[..16].
#[inline(never)]
unsafe extern "C" fn pointwise_1x16_m1_k5_n4_portable(src: *const f32, wei: *const f32, dst: *mut f32) {
    // SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.
    unsafe {
        // A tile of 1 pixel by 4 lanes: sums that begin at the bias.
        let b = load(wei);
        let mut sum = b;
        // Adds the products of 5 input lanes.
        for k in 0..5 {
            let w = load(wei.add(k * 16 + 16));
            let a = splat(*src.add(k));
            sum = mul_add(a, w, sum);
        }
        // Stores the results, and zeros for the lanes without a channel.
        store(dst, sum);
        let zero = splat(0.0);
        store(dst.add(4), zero);
        store(dst.add(8), zero);
        store(dst.add(12), zero);
    }
}

/// `g1ic3oc5_ih4oh2kh3sh2ph1_iw4ow2kw3sw2pw1_n"stem"`
unsafe extern "C" fn stage_00(cx: &Context, units: &mut Units<'_>) {
    let (input, arena, weights) = (cx.input(), cx.arena(), cx.weights());
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for unit in units {
            // stem: 4x4x3 to 2x2x5
            match unit {
                0 => direct3x3s2_2x16_rows2_ow2_k27_n8_silu_portable(input, input.add(4), weights, arena),
                _ => direct3x3s2_2x16_rows3_ow2_k27_n8_silu_portable(
                    input.add(4),
                    input.add(8),
                    input.add(12),
                    weights,
                    arena.add(32),
                ),
            }
        }
    }
}

/// `mean_ic5_ih2oh1kh2ph0_iw2ow1kw2pw0_n"pool"`
unsafe extern "C" fn stage_01(cx: &Context, units: &mut Units<'_>) {
    let arena = cx.arena();
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for _ in units {
            mean_m4_c16_portable(arena, arena.add(64));
        }
    }
}

/// `g1ic5oc4_ih1oh1kh1ph0_iw1ow1kw1pw0_n"fc"`
unsafe extern "C" fn stage_02(cx: &Context, units: &mut Units<'_>) {
    let (arena, weights) = (cx.arena(), cx.weights());
    // SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.
    unsafe {
        for _ in units {
            pointwise_1x16_m1_k5_n4_portable(arena.add(64), weights.add(448), arena);
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
    unsafe { Program::new(Level::Portable, 1, lengths, WEIGHTS, &STAGES) }
};
