//! How far an f32 kernel may be from the f64 definition.
//!
//! With `u = EPSILON / 2`, every f32 operation returns `exact * (1 + d)`, `|d| <= u`. A kernel may sum in any order, in any number
//! of accumulators, with or without fused multiply-add; the bounds hold for all of these. They are absolute, so that cancellation
//! in the result does not matter, and take the largest magnitudes of what was really computed with.
//!
//! Integer data whose sums stay below 2^24 meet no rounding at all: there the tolerance is zero, and no bound is needed.

use crate::shape::{Activation, Reduction, Winograd};

/// Distance from 1 to the next f32: two unit roundoffs.
pub const EPSILON: f64 = f32::EPSILON as f64;

/// Smallest normal f32. An operation whose result is smaller may be off by this much: the result is rounded to a denormal or
/// flushed to zero.
pub const UNDERFLOW: f64 = f32::MIN_POSITIVE as f64;

/// Slack of [`dot`].
///
/// A sum of `K` products has `K` roundings, each at most `u` times a partial sum. If products were all alike, partial sums would
/// grow to `K` times their size and the worst case would be `K² u / 2` products: useless as a test, it would hide a dropped term.
/// Products of weights and activations are not alike: those of random sign make partial sums of `sqrt(K)` products and errors of
/// random sign, `K u / sqrt(2)` root-mean-square products in all, and those of one sign spread below their largest by a factor
/// that outweighs what their growth adds for the `K` of these networks. `EPSILON * (K + 1) * max|a| * max|b|` is `2 sqrt(2)`
/// times the first, in units of the *largest* product; 2 of it leaves room for the rounding of folded weights and of a fused
/// shortcut. A term that is wrong by more than this many roundings of the largest product is found.
pub const DOT_SLACK: f64 = 2.0;

/// Errors of a log-softmax's exponentials and its logarithm, in epsilons: range reduction and a polynomial (2), a sum and a
/// division (half an epsilon each), doubled.
pub const LOG_SLACK: f64 = 6.0;

/// A convolution or linear layer of `terms` products (`ic / groups * kh * kw`) of at most `max_src * max_weight`, and a bias. Weights
/// may have had a batch norm folded into them in f64; the magnitudes are then the folded ones.
pub fn dot(terms: usize, max_src: f64, max_weight: f64, max_bias: f64) -> f64 {
    DOT_SLACK * EPSILON * (terms as f64 + 1.0) * (max_src * max_weight + max_bias)
}

/// A Winograd convolution of `channels` input channels, from maps of at most `max_src` to sums of at most 9 `channels` products, and a
/// bias (Lavin and Gray, 2016).
///
/// A sum of `channels` products of transformed values is as [`dot`] says, in units of its largest product. The transforms make these products
/// larger than those of the definition, and add several with both signs: of terms of random sign, whose squares add up, an output has
/// [`spread`] times the error of one sum. The roundings of the transforms themselves, and of the transformed weights, are as many more
/// terms as they have steps (Barabasz, Anderson, Soodhalter and Gregg, "Error Analysis and Improving the Accuracy of Winograd Convolution
/// for Deep Neural Networks", 2020, bound the worst case in the same way: by the products of the norms of the three matrices).
pub fn winograd(form: Winograd, channels: usize, max_src: f64, max_weight: f64, max_bias: f64) -> f64 {
    let steps = 4 * form.inputs() + 1;
    let sums = (channels + steps) as f64 * spread(form) * max_src * max_weight;
    DOT_SLACK * EPSILON * (sums + max_bias)
}

/// The root of the largest sum of squares `(a b g)²` over the elements of a tile, where `a` is an element's coefficient in an output, and
/// `b` and `g` are the norms of the rows of the transforms that make it.
pub fn spread(form: Winograd) -> f64 {
    let square = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>();
    let elements: Vec<f64> =
        form.source().iter().zip(form.filter()).map(|(source, filter)| square(source) * square(filter)).collect();
    let output = |row: &[f64]| row.iter().zip(&elements).map(|(a, squares)| a * a * squares).sum::<f64>();
    // Rows and columns are transformed alike, and the root of the product of both is one of them.
    form.result().into_iter().map(output).fold(0.0, f64::max)
}

/// Transformed tiles of values of at most `max_src`: each step of both directions rounds once.
pub fn into_tiles(form: Winograd, max_src: f64) -> f64 {
    EPSILON * (2 * form.inputs()) as f64 * reach(&form.source()) * max_src
}

/// Outputs of tiles of products of at most `max_src`, and a bias.
pub fn from_tiles(form: Winograd, max_src: f64, max_bias: f64) -> f64 {
    EPSILON * (2 * form.inputs() + 1) as f64 * (reach(&form.result()) * max_src + max_bias)
}

/// The largest that a transform in both directions can make of values of at most one.
fn reach(matrix: &[&[f64]]) -> f64 {
    matrix.iter().map(|row| row.iter().map(|x| x.abs()).sum::<f64>()).fold(0.0, f64::max).powi(2)
}

/// Bounds the rounding error of a batch norm that is a layer of its own, `scale * x + shift`. Product and sum are rounded each, as in a dot
/// product of one term, so its bound holds.
pub fn batch_norm(max_src: f64, max_scale: f64, max_shift: f64) -> f64 {
    dot(1, max_src, max_scale, max_shift)
}

/// An activation of values of at most `max_src` that already carry `error`: its slope times the error, plus its own roundings.
pub fn activation(activation: Activation, max_src: f64, error: f64) -> f64 {
    // A slope may be infinite in f64.
    let stretched = if error == 0.0 { 0.0 } else { activation.slope(max_src + error) * error };
    // An activation that does not round adds no error. The product below would be NaN for an infinite value.
    if activation.is_exact() { stretched } else { stretched + activation.roundings() * EPSILON * activation.largest(max_src) }
}

/// The mean of `terms` values: the worst case, since these are alike (a constant map rounds the same way at every step).
pub fn mean(terms: usize, max_src: f64) -> f64 {
    EPSILON * (terms as f64 + 1.0) * max_src
}

/// The reduction of `terms` values of at most `max_src`. The largest and the least are not rounded.
pub fn reduction(reduction: Reduction, terms: usize, max_src: f64) -> f64 {
    match reduction {
        Reduction::Mean => mean(terms, max_src),
        Reduction::Sum => terms as f64 * mean(terms, max_src),
        Reduction::Max | Reduction::Min => 0.0,
    }
}

/// One rounding of a result of at most `max_dst`: a sum, a product with a gate.
pub fn rounding(max_dst: f64) -> f64 {
    EPSILON * max_dst
}

/// A log-softmax over `channels` values of at most `max_src`. The relative error of the sum is the absolute error of the
/// logarithm, and two subtractions round.
pub fn log_softmax(channels: usize, max_src: f64) -> f64 {
    EPSILON * (channels as f64 + 1.0 + LOG_SLACK) + 2.0 * EPSILON * max_src
}

/// A softmax over `channels` values, of which none is above 1. An argument's rounding, `|d| u`, is the relative error of
/// `exp(-|d|)`, and `|d| exp(-|d|)` is below one half; the sum of the exponentials is a sum of positive terms.
pub fn softmax(channels: usize) -> f64 {
    EPSILON * (channels as f64 + 1.0 + LOG_SLACK)
}

/// Largest magnitude among values; NaN is ignored.
pub fn max_abs<T: super::Value>(values: &[T]) -> f64 {
    values.iter().fold(0.0, |max, &x| max.max(x.into().abs()))
}

/// The largest distance of `found` from `expected`, and its index. A value that is `expected` rounded to f32 has distance zero;
/// so do equal infinities and two NaNs. A NaN or an infinity on one side only has an infinite distance.
///
/// # Panics
/// If the lengths differ.
pub fn largest_error(found: &[f32], expected: &[f64]) -> (f64, usize) {
    assert_eq!(found.len(), expected.len(), "number of values");
    let distance = |(&found, &expected): (&f32, &f64)| {
        // In f32, a result beyond the range of f32 is infinite.
        let rounded = expected as f32;
        let distance = (f64::from(found) - expected).abs();
        match found == rounded || found.is_nan() && rounded.is_nan() {
            true => 0.0,
            false if distance.is_nan() => f64::INFINITY,
            false => distance,
        }
    };
    let errors = found.iter().zip(expected).map(distance).enumerate();
    errors.fold((0.0, 0), |(max, at), (i, error)| if error > max { (error, i) } else { (max, at) })
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg32;
    use rand_pcg::rand_core::{RngCore, SeedableRng};

    use super::*;

    #[test]
    fn errors_are_found_where_they_are() {
        assert_eq!(largest_error(&[], &[]), (0.0, 0));
        assert_eq!(largest_error(&[1.0, 2.0, 2.5], &[1.0, 2.25, 2.25]), (0.25, 1));
        assert_eq!(largest_error(&[f32::NAN, f32::INFINITY], &[f64::NAN, f64::INFINITY]), (0.0, 0));
        assert_eq!(largest_error(&[f32::INFINITY], &[1e300]), (0.0, 0));
        for (found, expected) in [(f32::NAN, 1.0), (1.0, f64::NAN), (f32::INFINITY, 1.0), (1.0, f64::NEG_INFINITY)] {
            assert_eq!(largest_error(&[0.0, found], &[0.0, expected]), (f64::INFINITY, 1), "{found} for {expected}");
        }
    }

    /// Small tiles spread errors less than a sum of nine products a channel does, large ones more.
    #[test]
    fn the_spread_of_tiles_is_known() {
        assert_eq!(spread(Winograd::Two), 5.0);
        assert!((spread(Winograd::Four) - 94.3).abs() < 0.1, "{}", spread(Winograd::Four));
    }

    #[test]
    fn a_dot_product_in_f32_keeps_its_bound_and_a_dropped_term_does_not() {
        let mut bits = Pcg32::seed_from_u64(1);
        let mut next = || (bits.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
        for terms in [1, 9, 64, 960, 5000] {
            for one_sided in [false, true] {
                let a: Vec<f32> = (0..terms).map(|_| if one_sided { next().max(0.0) } else { next() }).collect();
                let b: Vec<f32> = (0..terms).map(|_| next()).collect();
                let exact: f64 = a.iter().zip(&b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                let rounded: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
                let bound = dot(terms, max_abs(&a), max_abs(&b), 0.0);
                assert!((f64::from(rounded) - exact).abs() <= bound, "{terms} terms");
                assert!(bound < 0.01 * max_abs(&a) * max_abs(&b), "{terms} terms: the bound {bound} hides a term");
            }
        }
    }
}
