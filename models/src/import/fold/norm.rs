//! Norms of constants: exporters write standardised weights so.

use super::super::constant::Constant;
use super::super::node::{NodeReader, Result};

/// What a `BatchNormalization` node says.
pub struct BatchNorm {
    /// Whether the statistics are those of the input itself.
    pub training: bool,
    /// Added to the variance.
    pub eps: f32,
}

impl BatchNorm {
    /// Reads the attributes.
    pub fn of(node: &NodeReader<'_>) -> Result<Self> {
        node.skip(&["momentum", "is_test", "consumed_inputs"]);
        if node.int("spatial")?.unwrap_or(1) != 1 {
            return Err("spatial is 0, and must be 1".into());
        }
        let training = node.int("training_mode")?.unwrap_or(0) != 0;
        Ok(Self { training, eps: node.float("epsilon")?.unwrap_or(1e-5) })
    }
}

/// Batch norm of a constant `[n, c, ..]`, in f64. In training mode the statistics are those of the constant itself.
pub fn batch_norm(node: &NodeReader<'_>) -> Result<Constant> {
    let BatchNorm { training, eps } = BatchNorm::of(node)?;
    let (x, dims) = (node.floats(0)?, node.needed(0)?.dims.clone());
    let (&[n, c], rest) = dims.split_first_chunk().ok_or_else(|| format!("its input has dimensions {dims:?}"))?;
    let rest: usize = rest.iter().product();
    let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|index| node.floats(index));
    let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
    if [scale, bias, mean, variance].iter().any(|values| values.len() != c) {
        return Err(format!("its parameters must have {c} values, one for each channel"));
    }
    let mut values = x.to_vec();
    for channel in 0..c {
        let places = || (0..n).flat_map(move |image| (0..rest).map(move |i| (image * c + channel) * rest + i));
        let count = (n * rest) as f64;
        let (mean, variance) = if training {
            let mean = places().map(|at| f64::from(x[at])).sum::<f64>() / count;
            (mean, places().map(|at| (f64::from(x[at]) - mean).powi(2)).sum::<f64>() / count)
        } else {
            (mean[channel].into(), variance[channel].into())
        };
        let factor = f64::from(scale[channel]) / (variance + f64::from(eps)).sqrt();
        for at in places() {
            values[at] = ((f64::from(x[at]) - mean) * factor + f64::from(bias[channel])) as f32;
        }
    }
    Ok(Constant::floats(dims, values))
}
