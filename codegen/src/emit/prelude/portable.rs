//! The table of the portable level, which has no intrinsics. Lanes are written out, because rustc takes a fifth longer for closures over them.

use super::helper::Helper;

pub const RELOAD: &str = "
fn reload() {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::Acquire);
}";

pub fn text(helper: Helper) -> Option<&'static str> {
    Some(match helper {
        Helper::Vector => "struct F32x4([f32; 4]);",
        Helper::Load => {
            "
unsafe fn load(from: *const f32) -> F32x4 {
    // SAFETY: the caller vouches for four f32.
    F32x4(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
}"
        }
        Helper::Loads => {
            "
unsafe fn loads<const N: usize>(from: *const f32, step: usize) -> [F32x4; N] {
    let mut all = [splat(0.0); N];
    for (i, vector) in all.iter_mut().enumerate() {
        // SAFETY: the caller vouches for all that is loaded.
        *vector = unsafe { load(from.add(i * step)) };
    }
    all
}"
        }
        Helper::Store => {
            "
unsafe fn store(to: *mut f32, a: F32x4) {
    // SAFETY: the caller vouches for four f32.
    unsafe { to.cast::<[f32; 4]>().write_unaligned(a.0) };
}"
        }
        Helper::Splat => {
            "
fn splat(a: f32) -> F32x4 {
    F32x4([a; 4])
}"
        }
        Helper::Add => {
            "
fn add(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([a.0[0] + b.0[0], a.0[1] + b.0[1], a.0[2] + b.0[2], a.0[3] + b.0[3]])
}"
        }
        Helper::Sub => {
            "
fn sub(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([a.0[0] - b.0[0], a.0[1] - b.0[1], a.0[2] - b.0[2], a.0[3] - b.0[3]])
}"
        }
        Helper::Mul => {
            "
fn mul(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([a.0[0] * b.0[0], a.0[1] * b.0[1], a.0[2] * b.0[2], a.0[3] * b.0[3]])
}"
        }
        Helper::Div => {
            "
fn div(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([a.0[0] / b.0[0], a.0[1] / b.0[1], a.0[2] / b.0[2], a.0[3] / b.0[3]])
}"
        }
        Helper::Sqrt => {
            "
fn sqrt(a: F32x4) -> F32x4 {
    F32x4(a.0.map(f32::sqrt))
}"
        }
        Helper::MulAdd => {
            "
fn mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
    F32x4([a.0[0] * b.0[0] + c.0[0], a.0[1] * b.0[1] + c.0[1], a.0[2] * b.0[2] + c.0[2], a.0[3] * b.0[3] + c.0[3]])
}"
        }
        Helper::Min => {
            "
fn min(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([
        if a.0[0] < b.0[0] { a.0[0] } else { b.0[0] },
        if a.0[1] < b.0[1] { a.0[1] } else { b.0[1] },
        if a.0[2] < b.0[2] { a.0[2] } else { b.0[2] },
        if a.0[3] < b.0[3] { a.0[3] } else { b.0[3] },
    ])
}"
        }
        Helper::Max => {
            "
fn max(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([
        if a.0[0] > b.0[0] { a.0[0] } else { b.0[0] },
        if a.0[1] > b.0[1] { a.0[1] } else { b.0[1] },
        if a.0[2] > b.0[2] { a.0[2] } else { b.0[2] },
        if a.0[3] > b.0[3] { a.0[3] } else { b.0[3] },
    ])
}"
        }
        Helper::Maximum => {
            "
fn maximum(a: F32x4, b: F32x4) -> F32x4 {
    let (m, n) = (max(a, b), max(b, a));
    F32x4([
        f32::from_bits(m.0[0].to_bits() | n.0[0].to_bits()),
        f32::from_bits(m.0[1].to_bits() | n.0[1].to_bits()),
        f32::from_bits(m.0[2].to_bits() | n.0[2].to_bits()),
        f32::from_bits(m.0[3].to_bits() | n.0[3].to_bits()),
    ])
}"
        }
        Helper::Above => {
            "
fn above(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([
        if a.0[0] <= b.0[0] { 0.0 } else { a.0[0] },
        if a.0[1] <= b.0[1] { 0.0 } else { a.0[1] },
        if a.0[2] <= b.0[2] { 0.0 } else { a.0[2] },
        if a.0[3] <= b.0[3] { 0.0 } else { a.0[3] },
    ])
}"
        }
        Helper::Greater => {
            "
fn greater(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([
        if a.0[0] > b.0[0] { 1.0 } else { 0.0 },
        if a.0[1] > b.0[1] { 1.0 } else { 0.0 },
        if a.0[2] > b.0[2] { 1.0 } else { 0.0 },
        if a.0[3] > b.0[3] { 1.0 } else { 0.0 },
    ])
}"
        }
        Helper::AtLeast => {
            "
fn at_least(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([
        if a.0[0] >= b.0[0] { 1.0 } else { 0.0 },
        if a.0[1] >= b.0[1] { 1.0 } else { 0.0 },
        if a.0[2] >= b.0[2] { 1.0 } else { 0.0 },
        if a.0[3] >= b.0[3] { 1.0 } else { 0.0 },
    ])
}"
        }
        Helper::Keep => {
            "
fn keep(a: F32x4, b: F32x4) -> F32x4 {
    F32x4([
        if b.0[0] > 0.0 { a.0[0] } else { 0.0 },
        if b.0[1] > 0.0 { a.0[1] } else { 0.0 },
        if b.0[2] > 0.0 { a.0[2] } else { 0.0 },
        if b.0[3] > 0.0 { a.0[3] } else { 0.0 },
    ])
}"
        }
        Helper::Normal => {
            "
fn normal(a: f32) -> u32 {
    let normal = if a < f32::MIN_POSITIVE { a * 16_777_216.0 } else { a };
    normal.to_bits().wrapping_add(0x40_0000)
}"
        }
        Helper::Exponent => {
            "
fn exponent(a: F32x4) -> F32x4 {
    F32x4(a.0.map(|a| {
        let bias = if a < f32::MIN_POSITIVE { 151.0 } else { 127.0 };
        let n = (normal(a) >> 23) as f32 - bias;
        // Infinity and NaN stay.
        let n = if a < f32::INFINITY { n } else { a };
        let n = if a == 0.0 { f32::NEG_INFINITY } else { n };
        if a < 0.0 { f32::NAN } else { n }
    }))
}"
        }
        Helper::Mantissa => {
            "
fn mantissa(a: F32x4) -> F32x4 {
    F32x4(a.0.map(|a| f32::from_bits((normal(a) & 0x7f_ffff) + 0x3f40_0000)))
}"
        }
        Helper::PowerOfTwo => {
            "
fn power_of_two(a: F32x4) -> F32x4 {
    F32x4(a.0.map(|a| f32::from_bits(a.to_bits() << 23)))
}"
        }
        Helper::PowerOfRoot => {
            "
fn power_of_root(a: F32x4) -> F32x4 {
    const TABLE: [u32; 8] = [ROOT_POWERS];
    F32x4(a.0.map(|a| f32::from_bits((a.to_bits() << 20).wrapping_add(TABLE[a.to_bits() as usize % 8]))))
}"
        }
        Helper::FirstLanes => {
            "
fn first_lanes<const N: usize>(a: F32x4) -> F32x4 {
    F32x4([
        if 0 < N { a.0[0] } else { 0.0 },
        if 1 < N { a.0[1] } else { 0.0 },
        if 2 < N { a.0[2] } else { 0.0 },
        if 3 < N { a.0[3] } else { 0.0 },
    ])
}"
        }
        Helper::Prefetch => {
            "
fn prefetch(_at: *const f32) {
    // Not every machine has an instruction for it.
}"
        }
        Helper::Reload => RELOAD,
    })
}
