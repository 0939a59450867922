//! The table of AVX2.

use super::helper::Helper;

pub const PREFETCH: &str = "
// Newer versions of Rust take the intrinsic for safe, older ones do not.
#[allow(unused_unsafe)]
fn prefetch(at: *const f32) {
    // SAFETY: nothing is read, so that any address will do.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
}";

pub fn text(helper: Helper) -> Option<&'static str> {
    Some(match helper {
        Helper::Loads => {
            "
unsafe fn loads<const N: usize>(from: *const f32, step: usize) -> [__m256; N] {
    let mut all = [_mm256_setzero_ps(); N];
    for (i, vector) in all.iter_mut().enumerate() {
        // SAFETY: the caller vouches for all that is loaded.
        *vector = unsafe { _mm256_loadu_ps(from.add(i * step)) };
    }
    all
}"
        }
        Helper::Maximum => {
            "
fn maximum(a: __m256, b: __m256) -> __m256 {
    _mm256_or_ps(_mm256_max_ps(a, b), _mm256_max_ps(b, a))
}"
        }
        Helper::Above => {
            "
fn above(a: __m256, b: __m256) -> __m256 {
    _mm256_and_ps(_mm256_cmp_ps::<_CMP_NLE_UQ>(a, b), a)
}"
        }
        Helper::Greater => {
            "
fn greater(a: __m256, b: __m256) -> __m256 {
    _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), _mm256_set1_ps(1.0))
}"
        }
        Helper::AtLeast => {
            "
fn at_least(a: __m256, b: __m256) -> __m256 {
    _mm256_and_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(a, b), _mm256_set1_ps(1.0))
}"
        }
        Helper::Keep => {
            "
fn keep(a: __m256, b: __m256) -> __m256 {
    _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(b, _mm256_setzero_ps()), a)
}"
        }
        Helper::Normal => {
            "
fn normal(a: __m256) -> __m256i {
    let small = _mm256_cmp_ps::<_CMP_LT_OQ>(a, _mm256_set1_ps(f32::MIN_POSITIVE));
    let scaled = _mm256_mul_ps(a, _mm256_set1_ps(16_777_216.0));
    _mm256_add_epi32(_mm256_castps_si256(_mm256_blendv_ps(a, scaled, small)), _mm256_set1_epi32(0x40_0000))
}"
        }
        Helper::Exponent => {
            "
fn exponent(a: __m256) -> __m256 {
    let (zero, infinity) = (_mm256_setzero_ps(), _mm256_set1_ps(f32::INFINITY));
    let small = _mm256_cmp_ps::<_CMP_LT_OQ>(a, _mm256_set1_ps(f32::MIN_POSITIVE));
    let bias = _mm256_blendv_ps(_mm256_set1_ps(127.0), _mm256_set1_ps(151.0), small);
    let n = _mm256_sub_ps(_mm256_cvtepi32_ps(_mm256_srli_epi32::<23>(normal(a))), bias);
    // Infinity and NaN stay.
    let n = _mm256_blendv_ps(a, n, _mm256_cmp_ps::<_CMP_LT_OQ>(a, infinity));
    let n = _mm256_blendv_ps(n, _mm256_set1_ps(f32::NEG_INFINITY), _mm256_cmp_ps::<_CMP_EQ_OQ>(a, zero));
    _mm256_blendv_ps(n, _mm256_set1_ps(f32::NAN), _mm256_cmp_ps::<_CMP_LT_OQ>(a, zero))
}"
        }
        Helper::Mantissa => {
            "
fn mantissa(a: __m256) -> __m256 {
    let low = _mm256_and_si256(normal(a), _mm256_set1_epi32(0x7f_ffff));
    _mm256_castsi256_ps(_mm256_add_epi32(low, _mm256_set1_epi32(0x3f40_0000)))
}"
        }
        Helper::PowerOfTwo => {
            "
fn power_of_two(a: __m256) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(a)))
}"
        }
        Helper::PowerOfRoot => {
            "
fn power_of_root(a: __m256) -> __m256 {
    let table = _mm256_setr_epi32(ROOT_POWERS);
    let bits = _mm256_castps_si256(a);
    _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32::<20>(bits), _mm256_permutevar8x32_epi32(table, bits)))
}"
        }
        Helper::FirstLanes => {
            "
fn first_lanes<const N: i32>(a: __m256) -> __m256 {
    let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let used = _mm256_cmpgt_epi32(_mm256_set1_epi32(N), lane);
    _mm256_and_ps(a, _mm256_castsi256_ps(used))
}"
        }
        Helper::Prefetch => PREFETCH,
        Helper::Reload => super::portable::RELOAD,
        _ => return None,
    })
}
