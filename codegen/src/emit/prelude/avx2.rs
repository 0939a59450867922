//@ Maximum
/// The larger of both in each lane, NaN if one is NaN: then all exponent bits of one of the two are set.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn maximum(a: __m256, b: __m256) -> __m256 {
    _mm256_or_ps(_mm256_max_ps(a, b), _mm256_max_ps(b, a))
}
//@ PowerOfTwo
/// `2^n` of `n + 127 + 1.5 · 2^23` in each lane: the low bits become the exponent bits.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn power_of_two(a: __m256) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(a)))
}
//@ PowerOfRoot
/// A constant times `2^(k/8)`, of `k/8 + 127 + 1.5 · 2^20` in each lane: its last bits choose what its low bits lack as exponent bits.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn power_of_root(a: __m256) -> __m256 {
    let table = _mm256_setr_epi32(ROOT_POWERS);
    let bits = _mm256_castps_si256(a);
    _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32::<20>(bits), _mm256_permutevar8x32_epi32(table, bits)))
}
//@ FirstLanes
/// The first `N` lanes, then zeros.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn first_lanes<const N: i32>(a: __m256) -> __m256 {
    let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let used = _mm256_cmpgt_epi32(_mm256_set1_epi32(N), lane);
    _mm256_and_ps(a, _mm256_castsi256_ps(used))
}
//@ Prefetch
/// Fetches a cache line into L2.
#[target_feature(enable = "avx2,fma")]
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
