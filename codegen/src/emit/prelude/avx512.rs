//! The table of AVX-512.

use super::helper::Helper;

pub fn text(helper: Helper) -> Option<&'static str> {
    Some(match helper {
        Helper::Loads => {
            "
unsafe fn loads<const N: usize>(from: *const f32, step: usize) -> [__m512; N] {
    let mut all = [_mm512_setzero_ps(); N];
    for (i, vector) in all.iter_mut().enumerate() {
        // SAFETY: the caller vouches for all that is loaded.
        *vector = unsafe { _mm512_loadu_ps(from.add(i * step)) };
    }
    all
}"
        }
        Helper::Maximum => {
            "
fn maximum(a: __m512, b: __m512) -> __m512 {
    _mm512_or_ps(_mm512_max_ps(a, b), _mm512_max_ps(b, a))
}"
        }
        Helper::Above => {
            "
fn above(a: __m512, b: __m512) -> __m512 {
    _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(a, b), a)
}"
        }
        Helper::Greater => {
            "
fn greater(a: __m512, b: __m512) -> __m512 {
    _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), _mm512_set1_ps(1.0))
}"
        }
        Helper::AtLeast => {
            "
fn at_least(a: __m512, b: __m512) -> __m512 {
    _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, b), _mm512_set1_ps(1.0))
}"
        }
        Helper::Keep => {
            "
fn keep(a: __m512, b: __m512) -> __m512 {
    _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(b, _mm512_setzero_ps()), a)
}"
        }
        Helper::Exponent => {
            "
fn exponent(a: __m512) -> __m512 {
    // That of a mantissa is -1 or 0.
    let mantissa = _mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_NAN>(a);
    _mm512_sub_ps(_mm512_getexp_ps(a), _mm512_getexp_ps(mantissa))
}"
        }
        Helper::Mantissa => {
            "
fn mantissa(a: __m512) -> __m512 {
    _mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_ZERO>(a)
}"
        }
        Helper::PowerOfTwo => {
            "
fn power_of_two(a: __m512) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(a)))
}"
        }
        Helper::PowerOfRoot => {
            "
fn power_of_root(a: __m512) -> __m512 {
    let table = _mm256_setr_epi32(ROOT_POWERS);
    let bits = _mm512_castps_si512(a);
    // Twice, as an index has four bits.
    let found = _mm512_permutexvar_epi32(bits, _mm512_broadcast_i32x8(table));
    _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32::<20>(bits), found))
}"
        }
        Helper::FirstLanes => {
            "
fn first_lanes<const N: u32>(a: __m512) -> __m512 {
    _mm512_maskz_mov_ps(((1u32 << N) - 1) as u16, a)
}"
        }
        Helper::Prefetch => super::avx2::PREFETCH,
        Helper::Reload => super::portable::RELOAD,
        _ => return None,
    })
}
