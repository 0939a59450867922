//@ Always
/// Four lanes of plain Rust.
#[derive(Clone, Copy)]
struct F32x4([f32; 4]);

#[inline(always)]
unsafe fn load(from: *const f32) -> F32x4 {
    F32x4(from.cast::<[f32; 4]>().read_unaligned())
}

#[inline(always)]
unsafe fn store(to: *mut f32, a: F32x4) {
    to.cast::<[f32; 4]>().write_unaligned(a.0);
}

#[inline(always)]
fn splat(a: f32) -> F32x4 {
    F32x4([a; 4])
}

#[inline(always)]
#[allow(dead_code)]
fn add(a: F32x4, b: F32x4) -> F32x4 {
    F32x4(std::array::from_fn(|i| a.0[i] + b.0[i]))
}

#[inline(always)]
#[allow(dead_code)]
fn sub(a: F32x4, b: F32x4) -> F32x4 {
    F32x4(std::array::from_fn(|i| a.0[i] - b.0[i]))
}

#[inline(always)]
#[allow(dead_code)]
fn mul(a: F32x4, b: F32x4) -> F32x4 {
    F32x4(std::array::from_fn(|i| a.0[i] * b.0[i]))
}

#[inline(always)]
#[allow(dead_code)]
fn div(a: F32x4, b: F32x4) -> F32x4 {
    F32x4(std::array::from_fn(|i| a.0[i] / b.0[i]))
}

/// `a * b + c`, rounded twice: without the instruction, rounding once would take a function call.
#[inline(always)]
#[allow(dead_code)]
fn mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
    F32x4(std::array::from_fn(|i| a.0[i] * b.0[i] + c.0[i]))
}

/// `if a < b { a } else { b }` in each lane: a NaN in `b` wins.
#[inline(always)]
#[allow(dead_code)]
fn min(a: F32x4, b: F32x4) -> F32x4 {
    F32x4(std::array::from_fn(|i| if a.0[i] < b.0[i] { a.0[i] } else { b.0[i] }))
}

/// `if a > b { a } else { b }` in each lane: a NaN in `b` wins.
#[inline(always)]
#[allow(dead_code)]
fn max(a: F32x4, b: F32x4) -> F32x4 {
    F32x4(std::array::from_fn(|i| if a.0[i] > b.0[i] { a.0[i] } else { b.0[i] }))
}
//@ Maximum
/// The larger of both in each lane, NaN if one is NaN: then all exponent bits of one of the two are set.
#[inline(always)]
fn maximum(a: F32x4, b: F32x4) -> F32x4 {
    let (m, n) = (max(a, b), max(b, a));
    F32x4(std::array::from_fn(|i| f32::from_bits(m.0[i].to_bits() | n.0[i].to_bits())))
}
//@ PowerOfTwo
/// `2^n` of `n + 127 + 1.5 · 2^23` in each lane: the low bits become the exponent bits.
#[inline(always)]
fn power_of_two(a: F32x4) -> F32x4 {
    F32x4(a.0.map(|a| f32::from_bits(a.to_bits() << 23)))
}
//@ PowerOfRoot
/// A constant times `2^(k/8)`, of `k/8 + 127 + 1.5 · 2^20` in each lane: its last bits choose what its low bits lack as exponent bits.
#[inline(always)]
fn power_of_root(a: F32x4) -> F32x4 {
    const TABLE: [u32; 8] = [ROOT_POWERS];
    F32x4(a.0.map(|a| f32::from_bits((a.to_bits() << 20).wrapping_add(TABLE[a.to_bits() as usize % 8]))))
}
//@ FirstLanes
/// The first `N` lanes, then zeros.
#[inline(always)]
fn first_lanes<const N: usize>(a: F32x4) -> F32x4 {
    F32x4(std::array::from_fn(|i| if i < N { a.0[i] } else { 0.0 }))
}
//@ Prefetch
/// There is no portable prefetch.
#[inline(always)]
fn prefetch(_at: *const f32) {}
//@ Reload
/// Keeps the compiler from holding what was loaded before in registers, of which there are too few.
#[inline(always)]
fn reload() {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::Acquire);
}
