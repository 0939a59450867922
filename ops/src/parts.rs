//! The exponent and the mantissa of an f32. Back ends that have no instruction for them compute them of the bits, as here.

/// What is added to the bits of a float, so that its exponent is that of the nearest power: a half, in the mantissa.
const HALF: u32 = 0x40_0000;
/// The bits of a mantissa.
const MANTISSA: u32 = 0x7f_ffff;
/// The bits of 3/4, the least mantissa.
const LEAST: u32 = 0x3f40_0000;
/// Denormals become normal numbers by this factor, which is 2^24.
const FACTOR: f32 = 16_777_216.0;

/// A number that is not denormal, with the same mantissa.
fn normal(x: f32) -> f32 {
    if x < f32::MIN_POSITIVE { x * FACTOR } else { x }
}

/// The `n` of `x = m * 2^n`, where `m` is the [`mantissa`]: at least 3/4 and less than 3/2. It is minus infinity of zero, infinity
/// of infinity, and NaN of what is negative.
pub fn exponent(x: f32) -> f32 {
    let bias = if x < f32::MIN_POSITIVE { 127.0 + 24.0 } else { 127.0 };
    match x {
        0.0 => f32::NEG_INFINITY,
        _ if x < 0.0 => f32::NAN,
        _ if x < f32::INFINITY => (normal(x).to_bits().wrapping_add(HALF) >> 23) as f32 - bias,
        _ => x,
    }
}

/// The `m` of `x = m * 2^n`, from 3/4 to 3/2. It is one of zero and of infinity. Of what is negative or NaN it may be anything.
pub fn mantissa(x: f32) -> f32 {
    f32::from_bits((normal(x).to_bits().wrapping_add(HALF) & MANTISSA) + LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_make_the_number_again() {
        let bits = (1..f32::INFINITY.to_bits()).step_by(997).chain([1, 2, 3, 0x7f_ffff, 0x80_0000, f32::MAX.to_bits()]);
        for x in bits.map(f32::from_bits) {
            let (m, n) = (f64::from(mantissa(x)), f64::from(exponent(x)));
            assert!((0.75..1.5).contains(&m), "{x}: {m}");
            assert_eq!(m * n.exp2(), f64::from(x), "{x}");
        }
    }

    #[test]
    fn special_values() {
        for zero in [0.0, -0.0] {
            assert_eq!((exponent(zero), mantissa(zero)), (f32::NEG_INFINITY, 1.0));
        }
        assert_eq!((exponent(f32::INFINITY), mantissa(f32::INFINITY)), (f32::INFINITY, 1.0));
        for x in [-1e-45, -1.0, f32::NEG_INFINITY, f32::NAN] {
            assert!(exponent(x).is_nan(), "{x}");
            assert!((0.75..1.5).contains(&mantissa(x)), "{x}");
        }
    }
}
