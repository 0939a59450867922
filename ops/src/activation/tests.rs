//! Checks that what each function says of itself is true.

use super::*;

/// Values from -30 to 30, close together.
fn arguments() -> impl Iterator<Item = f64> {
    (-30_000..=30_000).map(|i| f64::from(i) / 1000.0)
}

/// Those between the tame ends of a function.
fn tame_arguments(act: Activation) -> impl Iterator<Item = f64> {
    let (low, high) = act.tame();
    arguments().filter(move |&x| x >= low.into() && x <= high.into())
}

#[test]
fn words_are_identifiers_and_are_read() {
    for act in Activation::every() {
        let word = act.to_string();
        assert!(word.starts_with(|c: char| c.is_ascii_lowercase()), "{word}");
        assert!(word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{word}");
        assert_eq!(Activation::parse(&word), Some(act), "{word}");
    }
    let words: std::collections::BTreeSet<String> = Activation::every().map(|act| act.to_string()).collect();
    assert_eq!(words.len(), Activation::every().count());
    let refused = ["", "Relu", "relu7", "relu66", "sigmoid1", "add", "blend", "sums", "leakyreluinf", "leakyrelu", "clip0p0"];
    for word in refused.into_iter().chain(["clip1p0x0p0", "clipinfxinf", "clipminfxminf", "clipNaNx0p0", "clip0p0x1p0x2p0"]) {
        assert_eq!(Activation::parse(word), None, "{word}");
    }
}

#[test]
fn slopes_are_the_functions_largest() {
    for act in Activation::every() {
        let tame: Vec<f64> = tame_arguments(act).collect();
        let largest = tame.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
        let steepest = tame.iter().map(|x| ((act.at(x + 1e-6) - act.at(x - 1e-6)) / 2e-6).abs()).fold(0.0, f64::max);
        assert!(steepest <= act.slope(largest) * (1.0 + 1e-5), "{act}: {steepest}");
        assert!(steepest >= act.slope(largest) * 0.99, "{act}: {steepest}");
    }
}

#[test]
fn no_result_is_larger_than_the_largest() {
    for act in Activation::every() {
        for x in tame_arguments(act) {
            assert!(act.at(x).abs() <= act.largest(x.abs()), "{act} of {x}");
        }
    }
}

#[test]
fn what_clamps_only_does_so() {
    for act in Activation::every() {
        let Some((low, high)) = act.clamp() else { continue };
        assert!(arguments().all(|x| act.at(x) == x.max(low.into()).min(high.into())), "{act}");
        assert!(act.is_exact(), "{act}");
    }
}

#[test]
fn what_is_exact_makes_multiples_of_a_step() {
    for act in Activation::every() {
        let Some(step) = act.step() else { continue };
        assert!(act.is_exact(), "{act}");
        for x in -20..=20 {
            assert_eq!((act.at(x.into()) / step).fract(), 0.0, "{act} of {x}");
        }
    }
}

#[test]
fn mean_squares_are_those_of_a_normal_distribution() {
    for act in Activation::every() {
        let (low, high) = act.tame();
        let weighted = |x: f64| act.at(x.clamp(low.into(), high.into())).powi(2) * (-x * x / 2.0).exp();
        let mean = arguments().map(weighted).sum::<f64>() / 1000.0 / std::f64::consts::TAU.sqrt();
        let said = act.mean_square(1.0, false);
        assert!((mean / said - 1.0).abs() < 0.05, "{act}: {mean}, not {said}");
    }
}

#[test]
fn nan_stays_nan() {
    for act in Activation::every() {
        assert!(act.at(f64::NAN).is_nan(), "{act}");
    }
}

/// Arithmetic on f32, one lane, fused or not.
struct Scalar {
    fuses: bool,
}

impl Arithmetic for Scalar {
    type Vector = f32;

    fn constant(&mut self, _: &str, value: f32) -> f32 {
        value
    }

    fn add(&mut self, a: &f32, b: &f32) -> f32 {
        a + b
    }

    fn mul(&mut self, a: &f32, b: &f32) -> f32 {
        a * b
    }

    fn div(&mut self, a: &f32, b: &f32) -> f32 {
        a / b
    }

    fn min(&mut self, a: &f32, b: &f32) -> f32 {
        if a < b { *a } else { *b }
    }

    fn max(&mut self, a: &f32, b: &f32) -> f32 {
        if a > b { *a } else { *b }
    }

    fn above(&mut self, a: &f32, b: &f32) -> f32 {
        if a <= b { 0.0 } else { *a }
    }

    fn fma(&mut self, a: &f32, b: &f32, c: &f32) -> f32 {
        if self.fuses { a.mul_add(*b, *c) } else { a * b + c }
    }

    fn clamp(&mut self, x: &f32, low: f32, high: f32) -> f32 {
        let x = self.max(&low, x);
        self.min(&high, &x)
    }

    fn sqrt(&mut self, a: &f32) -> f32 {
        a.sqrt()
    }

    fn exponent(&mut self, a: &f32) -> f32 {
        crate::exponent(*a)
    }

    fn mantissa(&mut self, a: &f32) -> f32 {
        crate::mantissa(*a)
    }

    fn power_of_two(&mut self, a: &f32) -> f32 {
        f32::from_bits(a.to_bits() << 23)
    }

    fn exponential(&mut self, x: &f32) -> f32 {
        x.exp()
    }

    fn logistic(&mut self, x: &f32, scaled: bool) -> f32 {
        if scaled { x / (1.0 + (-x).exp()) } else { 1.0 / (1.0 + (-x).exp()) }
    }
}

fn computed(act: Activation, fuses: bool, x: f32) -> f32 {
    let mut value = [x];
    act.apply(&mut Scalar { fuses }, &mut value);
    value[0]
}

/// Results beyond this may be infinite: it is eight epsilons below the largest f32.
const LARGEST: f64 = f32::MAX as f64 * (1.0 - 8.0 * f32::EPSILON as f64);

/// Every 4096th f32.
fn floats() -> impl Iterator<Item = f32> {
    (0..=u32::MAX).step_by(1 << 12).map(f32::from_bits).filter(|x| x.is_finite())
}

/// Checks that the error found is at most half of the bound that tests use. So a kernel that takes the same operations in another
/// order keeps the bound too.
#[test]
fn what_is_computed_is_half_as_far_from_the_definition_as_allowed() {
    let epsilon = f64::from(f32::EPSILON);
    for act in Activation::every() {
        for fuses in [false, true] {
            let (mut worst, mut at) = (0.0, 0.0);
            for x in floats().chain(arguments().map(|x| x as f32)) {
                let exact = act.at(x.into());
                let beside = act.scale(x.into(), exact);
                // No NaN and no infinity is made of a number, unless the definition does so. Results close to the largest f32 may be
                // infinite.
                let found = computed(act, fuses, x);
                if exact.is_nan() || exact.abs() > LARGEST {
                    let right = if exact.is_nan() { found.is_nan() } else { f64::from(found.abs()) >= LARGEST };
                    assert!(right, "{act} of {x}: {found}");
                    continue;
                }
                // Results close to the smallest f32 have fewer digits.
                let error = ((f64::from(found) - exact).abs() - 1e-35).max(0.0);
                let error = if error == 0.0 { 0.0 } else { error / (beside * epsilon) };
                if error > worst {
                    (worst, at) = (error, x);
                }
            }
            println!("{act}, fused {fuses}: {worst:.3} epsilons at {at}");
            assert!(worst <= act.roundings() / 2.0, "{act}, fused {fuses}: {worst} epsilons at {at}");
        }
    }
}

#[test]
fn logarithms_of_special_values() {
    for fuses in [false, true] {
        let log = |x| computed(Activation::Log, fuses, x);
        assert_eq!([1.0, 0.0, -0.0, f32::INFINITY].map(log), [0.0, f32::NEG_INFINITY, f32::NEG_INFINITY, f32::INFINITY]);
        assert!([-1e-45, -1.0, f32::NEG_INFINITY].into_iter().all(|x| log(x).is_nan()));
        assert!((log(1e-45) + 103.278_93).abs() < 1e-4);
    }
}

#[test]
fn powers_of_special_values() {
    let ends = [0.0, -0.0, f32::INFINITY];
    for p in [2.75, 0.34, 0.002, 1.0 / 3.0, 63.5] {
        for (p, expected) in [(p, [0.0, 0.0, f32::INFINITY]), (-p, [f32::INFINITY, f32::INFINITY, 0.0])] {
            let power = Activation::Power(Parameter::new(p));
            for fuses in [false, true] {
                assert_eq!(ends.map(|x| computed(power, fuses, x)), expected, "{power}");
                assert_eq!(computed(power, fuses, 1.0), 1.0, "{power}");
                assert!([-1e-45, -1.0, f32::NEG_INFINITY].into_iter().all(|x| computed(power, fuses, x).is_nan()), "{power}");
            }
        }
    }
    for p in [2.0, 0.0, 0.001, 65.5, f32::INFINITY] {
        assert!(!Activation::Power(Parameter::new(p)).is_valid(), "{p}");
    }
}

#[test]
fn thresholds_jump_behind_their_limit() {
    for limit in [-1.5, 0.0, 2.0] {
        let threshold = |x| computed(Activation::Threshold(Parameter::new(limit)), true, x);
        assert_eq!([limit, limit.next_up(), limit.next_down()].map(threshold), [0.0, limit.next_up(), 0.0]);
        assert_eq!([f32::NEG_INFINITY, f32::INFINITY].map(threshold), [0.0, f32::INFINITY]);
    }
}

#[test]
fn zero_and_nan_are_kept_where_the_definition_keeps_them() {
    for act in Activation::every() {
        for fuses in [false, true] {
            assert!(computed(act, fuses, f32::NAN).is_nan(), "{act}");
            for zero in [0.0, -0.0] {
                assert_eq!(computed(act, fuses, zero), act.at(zero.into()) as f32, "{act}");
            }
        }
    }
}
