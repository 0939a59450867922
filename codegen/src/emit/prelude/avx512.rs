//@ Maximum
/// The larger of both in each lane, NaN if one is NaN: then all exponent bits of one of the two are set.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline]
fn maximum(a: __m512, b: __m512) -> __m512 {
    _mm512_or_ps(_mm512_max_ps(a, b), _mm512_max_ps(b, a))
}
//@ PowerOfTwo
/// `2^n` of `n + 127 + 1.5 · 2^23` in each lane: the low bits become the exponent bits.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline]
fn power_of_two(a: __m512) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(a)))
}
//@ PowerOfRoot
/// A constant times `2^(k/8)`, of `k/8 + 127 + 1.5 · 2^20` in each lane: its last bits choose what its low bits lack as exponent bits.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline]
fn power_of_root(a: __m512) -> __m512 {
    let table = _mm256_setr_epi32(ROOT_POWERS);
    let bits = _mm512_castps_si512(a);
    // Twice, as an index has four bits.
    let found = _mm512_permutexvar_epi32(bits, _mm512_broadcast_i32x8(table));
    _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32::<20>(bits), found))
}
//@ FirstLanes
/// The first `N` lanes, then zeros.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline]
fn first_lanes<const N: u32>(a: __m512) -> __m512 {
    _mm512_maskz_mov_ps(((1u32 << N) - 1) as u16, a)
}
//@ Prefetch
/// Fetches a cache line into L2.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[inline]
unsafe fn prefetch(at: *const f32) {
    _mm_prefetch::<_MM_HINT_T1>(at.cast());
}
//@ Reload
/// Keeps the compiler from holding what was loaded before in registers, of which there are too few.
#[inline(always)]
fn reload() {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::Acquire);
}
