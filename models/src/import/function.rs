//! The elementwise functions that nodes are.

use sartor_ops::Parameter;

use super::node::{NodeReader, Result};
use crate::graph::Activation;

/// The operators that are elementwise functions.
pub const OPERATORS: &[&str] = &[
    "Relu",
    "Clip",
    "LeakyRelu",
    "Elu",
    "Selu",
    "Celu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Swish",
    "Mish",
    "Gelu",
    "Softplus",
    "Softsign",
    "Tanh",
    "ThresholdedRelu",
    "Erf",
    "Exp",
    "Log",
    "Sqrt",
    "Reciprocal",
    "Abs",
    "Neg",
];

/// The function of a node; `None` if it changes nothing.
pub fn function(node: &NodeReader<'_>) -> Result<Option<Activation>> {
    let float =
        |name: &'static str, default: f32| -> Result<Parameter> { Ok(Parameter::new(node.float(name)?.unwrap_or(default))) };
    Ok(Some(match node.operator() {
        "Relu" => Activation::Relu,
        "Sigmoid" => Activation::Sigmoid,
        "HardSwish" => Activation::HardSwish,
        "Mish" => Activation::Mish,
        "Softplus" => Activation::Softplus,
        "Softsign" => Activation::Softsign,
        "Tanh" => Activation::Tanh,
        "ThresholdedRelu" => Activation::Threshold(float("alpha", 1.0)?),
        "Erf" => Activation::Erf,
        "Exp" => Activation::Exp,
        "Log" => Activation::Log,
        "Sqrt" => Activation::Sqrt,
        "Reciprocal" => Activation::Reciprocal,
        "Abs" => Activation::Abs,
        "Neg" => Activation::Affine(Parameter::new(-1.0), Parameter::new(0.0)),
        "LeakyRelu" => Activation::LeakyRelu(float("alpha", 0.01)?),
        "Elu" => Activation::Elu(float("alpha", 1.0)?),
        "Celu" => Activation::Celu(float("alpha", 1.0)?),
        // The defaults of the standard; those before version 6 are less precise.
        "Selu" => Activation::Selu(float("alpha", 1.673_263_2)?, float("gamma", 1.050_701)?),
        "HardSigmoid" => Activation::HardSigmoid(float("alpha", 0.2)?, float("beta", 0.5)?),
        "Swish" => match float("alpha", 1.0)? {
            beta if beta.value() == 1.0 => Activation::Silu,
            beta => Activation::Swish(beta),
        },
        "Clip" => {
            let (low, high) = bounds(node)?;
            return Ok(clip(low, high));
        }
        _ => match node.text("approximate")?.as_deref() {
            None | Some("none") => Activation::Gelu,
            Some("tanh") => Activation::GeluTanh,
            Some(other) => return Err(format!("approximate is {other}, and must be none or tanh")),
        },
    }))
}

/// The bounds of `Clip`: attributes before version 11, inputs since.
fn bounds(node: &NodeReader<'_>) -> Result<(f32, f32)> {
    let bound = |name: &'static str, index: usize, none: f32| -> Result<f32> {
        if let Some(value) = node.float(name)? {
            return Ok(value);
        }
        match node.constant(index)? {
            None => Ok(none),
            Some(constant) => {
                constant.as_scalar().ok_or_else(|| format!("{name} has dimensions {:?}, and must be one number", constant.dims))
            }
        }
    };
    // Version 6 writes the largest numbers for bounds that are left out.
    let open = |bound: f32| if bound.abs() == f32::MAX { bound.signum() * f32::INFINITY } else { bound };
    Ok((open(bound("min", 1, f32::NEG_INFINITY)?), open(bound("max", 2, f32::INFINITY)?)))
}

/// The function that clamps to two bounds; `None` if both are infinite. Where they are the wrong way round, the upper one counts.
pub fn clip(low: f32, high: f32) -> Option<Activation> {
    match (low, high) {
        (0.0, f32::INFINITY) => Some(Activation::Relu),
        (0.0, 6.0) => Some(Activation::Relu6),
        (f32::NEG_INFINITY, f32::INFINITY) => None,
        _ => Some(Activation::Clip(Parameter::new(low.min(high)), Parameter::new(high))),
    }
}
