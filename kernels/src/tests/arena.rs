//! Aligned memory.

use super::*;

#[test]
fn memory_is_zero_and_starts_on_a_cache_line() {
    const HUGE: usize = HUGE_PAGE / 4;
    for len in [0, 1, 15, 16, 17, 1000, HUGE / 4 - 1, HUGE / 4, HUGE, HUGE + 1, HUGE / 4 * 5, 3 * HUGE] {
        let memory = Aligned::zeroed(len);
        assert_eq!(memory.len(), len);
        assert_eq!(memory.as_ptr() as usize % 64, 0, "length {len}");
        assert!(memory.iter().all(|&x| x.to_bits() == 0), "length {len}");
    }
}

#[test]
fn a_copy_holds_the_same_bits() {
    let values = [1.0, -0.0, f32::NAN, f32::INFINITY, 1e-45];
    let copy = Aligned::copy_of(&values);
    assert_eq!(copy.as_ptr() as usize % 64, 0);
    assert!(copy.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn memory_that_cannot_be_had_is_an_error() {
    for len in [isize::MAX as usize / 4 - HUGE_PAGE, usize::MAX / 4, usize::MAX - 1, usize::MAX] {
        let refused = OutOfMemory { bytes: len.saturating_mul(4) };
        assert_eq!(Aligned::try_zeroed(len).unwrap_err(), refused, "length {len}");
    }
    assert!(Aligned::try_zeroed(17).unwrap().iter().all(|&x| x == 0.0));
}

#[test]
#[should_panic(expected = "fits")]
fn a_length_beyond_the_address_space_panics() {
    Aligned::zeroed(usize::MAX / 2);
}
