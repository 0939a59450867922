//! Elementwise functions.

use super::Value;
use crate::shape::Activation;

/// Applies the function to every element. NaN stays NaN.
pub fn activation<T: Value>(src: &[T], activation: Activation) -> Vec<f64> {
    src.iter().map(|&x| activation.at(x.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_special_values() {
        let src = [-1.0_f32, 0.0, 3.0, 7.0, f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(activation(&src, Activation::Relu), [0., 0., 3., 7., f64::INFINITY, 0.]);
        assert_eq!(activation(&src, Activation::Relu6), [0., 0., 3., 6., 6., 0.]);
        let sigmoid = activation(&src, Activation::Sigmoid);
        assert!((sigmoid[0] - 0.268_941_421_369_995_1).abs() < 1e-15 && sigmoid[1] == 0.5);
        assert_eq!(sigmoid[4..], [1.0, 0.0]);
        let silu = activation(&src, Activation::Silu);
        assert!((silu[2] - 2.857_722_380_239_962).abs() < 1e-5, "{}", silu[2]);
        // The same as PyTorch's: -inf / (1 + inf).
        assert!(silu[4] == f64::INFINITY && silu[5].is_nan());
        for function in Activation::ALL {
            assert!(activation(&[f32::NAN], function)[0].is_nan(), "{function:?}");
        }
    }
}
