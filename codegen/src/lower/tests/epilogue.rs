//! Tests every activation over the whole range of f32.

use sartor_kernels::runtime::Level;

use super::*;
use crate::ir::isa;
use crate::ir::kernel::Base;
use crate::lower::eltwise::{Eltwise, Kind};
use crate::lower::window::{self, Window};

/// The sweep takes every bit pattern that is a multiple of this: 2^20 values, 2048 of every exponent and sign.
const STEP: usize = 1 << 12;

/// Computes an activation of values with its kernel at a level.
pub fn apply(act: Activation, level: Level, values: &[f32]) -> Vec<f32> {
    let m = values.len().div_ceil(PANEL);
    let spec = Eltwise { kind: Kind::Copy, m, panels: 1, src_pitch: 16, dst_pitch: 16, act: Some(act), last_lanes: None };
    let mut src = values.to_vec();
    src.resize(m * PANEL, 0.0);
    let mut after = interpret_guarded(&spec.lower(level, "act".into(), Vec::new()), &[src, vec![CANARY; m * PANEL]]).unwrap();
    let mut dst = after.remove(1);
    dst.truncate(values.len());
    dst
}

/// Computes an activation of a convolution's sums with a depthwise kernel that adds nothing to them.
pub fn apply_to_sums(act: Activation, level: Level, sums: &[f32]) -> Vec<f32> {
    let m = sums.len().div_ceil(PANEL);
    let spec = Window { act: Some(act), ..super::window::spec(window::Kind::Depthwise, 1, 1, 0, m, 1).unwrap() };
    let mut src = sums.to_vec();
    src.resize(m * PANEL, 0.0);
    let weights = [[0.0; PANEL], [1.0; PANEL]].concat();
    let kernel = spec.lower(level, "act".into(), Vec::new());
    let mut after = interpret_guarded(&kernel, &[src, weights, vec![CANARY; m * PANEL]]).unwrap();
    let mut dst = after.remove(2);
    dst.truncate(sums.len());
    dst
}

/// Eight epsilons below the largest f32.
const LARGEST: f64 = f32::MAX as f64 * (1.0 - 8.0 * f32::EPSILON as f64);

fn sweep() -> Vec<f32> {
    (0..=u32::MAX).step_by(STEP).map(f32::from_bits).filter(|x| x.is_finite()).collect()
}

/// The error in units of the last place of the exact result.
fn ulps(found: f32, exact: f64) -> f64 {
    let near = (exact.abs() as f32).max(f32::MIN_POSITIVE);
    let ulp = f64::from(f32::from_bits(near.to_bits() + 1)) - f64::from(near);
    (f64::from(found) - exact).abs() / ulp
}

fn largest(act: Activation, level: Level, values: &[f32]) -> (f64, f32) {
    worst(values, &apply(act, level, values), |x| activation(Some(act), x))
}

fn worst(values: &[f32], found: &[f32], exact: impl Fn(f64) -> f64) -> (f64, f32) {
    let errors = values.iter().zip(found).map(|(&x, &y)| (ulps(y, exact(f64::from(x))), x));
    errors.fold((0.0, 0.0), |max, error| if error.0 > max.0 { error } else { max })
}

/// The table is what its documentation says: the bits of the products of a factor with the powers of the root, rounded.
#[test]
fn powers_of_the_root_are_next_to_their_floats() {
    let power = |k: usize| Base::EighthRootOfTwo.power(1_572_991.0 + k as f32 / 8.0);
    assert_eq!(power(0), 1.510_537_1);
    for k in 0..64 {
        let exact = f64::from(power(0)) * (k as f64 / 8.0).exp2();
        assert_eq!(power(k), exact as f32, "{k} eighths");
        assert!((f64::from(power(k)) / exact - 1.0).abs() < 3e-8, "{k} eighths");
    }
}

/// Denormal results are excepted: they are rounded.
#[test]
fn exact_activations_are_exact_everywhere() {
    let (small, usual): (Vec<f32>, Vec<f32>) = sweep().into_iter().partition(|x| x.abs() < 1e-30);
    for level in Level::ALL {
        for act in Activation::every().filter(|act| act.is_exact()) {
            assert_eq!(largest(act, level, &usual).0, 0.0, "{act} {level}");
            assert!(largest(act, level, &small).0 <= 0.5, "{act} {level}");
        }
    }
}

/// The errors found are at most half of the bound that tests use, as for every other operator. Levels that fuse agree in every
/// bit.
#[test]
fn activations_are_half_as_far_from_their_definitions_as_allowed() {
    let mut values = sweep();
    values.extend((-30_000..=30_000).map(|i| i as f32 / 1000.0));
    for act in Activation::every().filter(|act| !act.is_exact()) {
        let mut fused: Option<Vec<f32>> = None;
        for level in Level::ALL {
            let found = apply(act, level, &values);
            let errors = values.iter().zip(&found).map(|(&x, &y)| {
                let exact = act.at(x.into());
                // Results close to the largest f32 may be infinite.
                if exact.is_nan() || exact.abs() > LARGEST {
                    let right = if exact.is_nan() { y.is_nan() } else { f64::from(y.abs()) >= LARGEST };
                    assert!(right, "{act} {level} of {x}: {y}");
                    return (0.0, x);
                }
                // The error without what is left at the ends, where the functions are next to zero.
                let error = ((f64::from(y) - exact).abs() - 1.5e-36).max(0.0);
                let beside = act.scale(x.into(), exact);
                if error == 0.0 { (0.0, x) } else { (error / (bound::EPSILON * beside), x) }
            });
            let (error, at) = errors.fold((0.0, 0.0), |max, error| if error.0 > max.0 { error } else { max });
            println!("{act} {level}: {error:.3} epsilons at {at}");
            assert!(error <= act.roundings() / 2.0, "{act} {level}: {error} epsilons at {at}");
            if isa::of(level).fuses {
                let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                let first = fused.get_or_insert_with(|| found.clone());
                assert!(bits(first) == bits(&found), "{act} {level}: other bits");
            }
        }
    }
}

/// Errors of the exponential functions on -80..80, in units of the last place. Whatever the polynomial, three roundings remain:
/// those of exp, of 1 + exp and of the quotient. If the first two results are just above a power of two and the last is just
/// below one, these come to 2.5.
#[test]
fn exponential_functions_are_within_their_ulps() {
    let mut values: Vec<f32> = sweep().into_iter().filter(|x| x.abs() <= 80.0).collect();
    // Values that are equally far apart, for where the function bends.
    values.extend((-80_000..=80_000).map(|i| i as f32 / 1000.0));
    for level in Level::ALL {
        for (act, most) in [(Activation::Silu, 2.4), (Activation::Sigmoid, 2.1)] {
            let (error, at) = largest(act, level, &values);
            println!("{act:?} {level}: {error:.3} ulp at {at}");
            assert!(error <= most, "{act:?} {level}: {error} ulp at {at}");
        }
        let silu = Activation::Silu;
        let sums = apply_to_sums(silu, level, &values);
        let (error, at) = worst(&values, &sums, |sum| activation_of_sum(Some(silu), sum));
        println!("{silu:?} of sums {level}: {error:.3} ulp at {at}");
        assert!(error <= 2.4, "{silu:?} of sums {level}: {error} ulp at {at}");
    }
}

/// Where the functions are clamped, the result is next to zero.
#[test]
fn exponential_functions_have_the_right_ends() {
    let values: Vec<f32> = sweep().into_iter().filter(|x| x.abs() > 80.0).collect();
    for level in Level::ALL {
        for (act, most) in [(Activation::Silu, 1.5e-36), (Activation::Sigmoid, 1.7e-38)] {
            for (&x, &y) in values.iter().zip(&apply(act, level, &values)) {
                let exact = activation(Some(act), f64::from(x));
                let right = if x < -86.0 { (f64::from(y) - exact).abs() <= most } else { ulps(y, exact) <= 4.0 };
                assert!(right, "{act:?} {level}: {y:e} at {x:e}, not {exact:e}");
            }
        }
        let silu = Activation::Silu;
        for (&sum, &y) in values.iter().zip(&apply_to_sums(silu, level, &values)) {
            let exact = activation_of_sum(Some(silu), f64::from(sum));
            let right = if sum < -124.0 { (f64::from(y) - exact).abs() <= 1.5e-36 } else { ulps(y, exact) <= 4.0 };
            assert!(right, "{silu:?} of sums {level}: {y:e} at {sum:e}, not {exact:e}");
        }
    }
}
