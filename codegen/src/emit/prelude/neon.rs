//! The table of NEON.

use super::helper::Helper;

pub fn text(helper: Helper) -> Option<&'static str> {
    Some(match helper {
        Helper::Loads => {
            "
unsafe fn loads<const N: usize>(from: *const f32, step: usize) -> [float32x4_t; N] {
    let mut all = [vdupq_n_f32(0.0); N];
    for (i, vector) in all.iter_mut().enumerate() {
        // SAFETY: the caller vouches for all that is loaded.
        *vector = unsafe { vld1q_f32(from.add(i * step)) };
    }
    all
}"
        }
        Helper::Min => {
            "
fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vbslq_f32(vcltq_f32(a, b), a, b)
}"
        }
        Helper::Max => {
            "
fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vbslq_f32(vcgtq_f32(a, b), a, b)
}"
        }
        Helper::Maximum => {
            "
fn maximum(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(max(a, b)), vreinterpretq_u32_f32(max(b, a))))
}"
        }
        Helper::Above => {
            "
fn above(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a), vcleq_f32(a, b)))
}"
        }
        Helper::Greater => {
            "
fn greater(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vandq_u32(vcgtq_f32(a, b), vreinterpretq_u32_f32(vdupq_n_f32(1.0))))
}"
        }
        Helper::AtLeast => {
            "
fn at_least(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vandq_u32(vcgeq_f32(a, b), vreinterpretq_u32_f32(vdupq_n_f32(1.0))))
}"
        }
        Helper::Keep => {
            "
fn keep(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vandq_u32(vcgtzq_f32(b), vreinterpretq_u32_f32(a)))
}"
        }
        Helper::Normal => {
            "
fn normal(a: float32x4_t) -> uint32x4_t {
    let small = vcltq_f32(a, vdupq_n_f32(f32::MIN_POSITIVE));
    let scaled = vbslq_f32(small, vmulq_n_f32(a, 16_777_216.0), a);
    vaddq_u32(vreinterpretq_u32_f32(scaled), vdupq_n_u32(0x40_0000))
}"
        }
        Helper::Exponent => {
            "
fn exponent(a: float32x4_t) -> float32x4_t {
    let small = vcltq_f32(a, vdupq_n_f32(f32::MIN_POSITIVE));
    let bias = vbslq_f32(small, vdupq_n_f32(151.0), vdupq_n_f32(127.0));
    let n = vsubq_f32(vcvtq_f32_u32(vshrq_n_u32::<23>(normal(a))), bias);
    // Infinity and NaN stay.
    let n = vbslq_f32(vcltq_f32(a, vdupq_n_f32(f32::INFINITY)), n, a);
    let n = vbslq_f32(vceqzq_f32(a), vdupq_n_f32(f32::NEG_INFINITY), n);
    vbslq_f32(vcltzq_f32(a), vdupq_n_f32(f32::NAN), n)
}"
        }
        Helper::Mantissa => {
            "
fn mantissa(a: float32x4_t) -> float32x4_t {
    let low = vandq_u32(normal(a), vdupq_n_u32(0x7f_ffff));
    vreinterpretq_f32_u32(vaddq_u32(low, vdupq_n_u32(0x3f40_0000)))
}"
        }
        Helper::PowerOfTwo => {
            "
fn power_of_two(a: float32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vshlq_n_u32::<23>(vreinterpretq_u32_f32(a)))
}"
        }
        Helper::PowerOfRoot => {
            "
fn power_of_root(a: float32x4_t) -> float32x4_t {
    static TABLE: [u32; 8] = [ROOT_POWERS];
    // SAFETY: the table has the 32 bytes that are read.
    let table = unsafe { vld1q_u8_x2(TABLE.as_ptr().cast()) };
    let bits = vreinterpretq_u32_f32(a);
    // Four bytes of the table make one of its values.
    let first = vandq_u32(vshlq_n_u32::<2>(bits), vdupq_n_u32(28));
    let bytes = vmlaq_n_u32(vdupq_n_u32(0x0302_0100), first, 0x0101_0101);
    let found = vreinterpretq_u32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(bytes)));
    vreinterpretq_f32_u32(vaddq_u32(vshlq_n_u32::<20>(bits), found))
}"
        }
        Helper::FirstLanes => {
            "
fn first_lanes<const N: u32>(a: float32x4_t) -> float32x4_t {
    // SAFETY: the array holds four lanes.
    let lane = unsafe { vld1q_u32([0, 1, 2, 3].as_ptr()) };
    let used = vcltq_u32(lane, vdupq_n_u32(N));
    vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), used))
}"
        }
        Helper::Prefetch => {
            "
fn prefetch(at: *const f32) {
    // SAFETY: nothing is read, so that any address will do.
    unsafe { std::arch::asm!(\"prfm pldl2keep, [{at}]\", at = in(reg) at, options(nostack, readonly)) };
}"
        }
        Helper::Reload => super::portable::RELOAD,
        _ => return None,
    })
}
