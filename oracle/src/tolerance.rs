//! How far an f32 engine may be from the exact value of a node, by kind of operator.
//!
//! The exact value is PyTorch's in f64. A node's bound has two parts. What its inputs carry in is propagated by the operator's
//! derivative, and what the operator's own rounding adds is a constant below times `U` times the sum of the absolute values
//! of the terms that were added up, which cancellation does not shrink.

use sartor_models::Activation;

/// Unit roundoff of f32.
pub const U: f64 = f32::EPSILON as f64 / 2.0;

/// A convolution, a linear layer or a mean adds up `terms` products (bias included).
///
/// Rounding errors of a sum behave as independent: they grow with the root of their number, and `4 sqrt(terms) U sum|a b|` is
/// exceeded with probability below 1e-3 even where every error is as large as it can be and the order of addition is the worst one
/// (Higham and Mary, 2019: `lambda sqrt(n) u`); the certain bound, `terms U sum|a b|`, would let a dropped product of a large
/// kernel pass. The added 4 is for weights and bias rounded once more by folding a batch norm into them.
pub fn sum(terms: usize) -> f64 {
    (4.0 * (terms as f64).sqrt() + 4.0) * U
}

/// Batch norm, per `|x g| + |mean g| + |b|`: subtract, multiply, add, and a scale `g` of one division and one root, each rounded once.
pub const BATCH_NORM: f64 = 6.0 * U;

/// An activation, per [`Activation::scale`]: twice its error, since an exponential's relative error grows
/// with its argument's rounding, `|x| U`, up to the 8 where it still matters in f32.
pub fn activation(act: Activation) -> f64 {
    4.0 * act.roundings() * U
}

/// One addition or product, per result.
pub const ONCE: f64 = U;

/// Log-softmax, per `|x - max| + log(terms)`: the exponentials, their sum and a logarithm.
pub const LOG_SOFTMAX: f64 = 16.0 * U;

/// A stored result, per result: the rounding to f32.
pub const STORE: f64 = U;

/// Absolute: denormal weights may be flushed to zero and denormal results too.
pub const DENORMAL: f64 = 1e-35;
