//! What can be wrong with a tensor.

use std::fmt;

use crate::escape::line;

/// What is wrong with one tensor, in the file's own names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The network needs it and the file lacks it.
    Missing {
        /// The name it would have in the file.
        name: String,
        /// The shape it would have.
        shape: Vec<usize>,
    },
    /// The network has no such tensor.
    Extra {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// It has another shape than the network's.
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The network's.
        expected: Vec<usize>,
    },
    /// Its type is neither f32, f16 nor bf16.
    Type {
        /// Its name.
        name: String,
        /// Its type, in safetensors' spelling.
        found: String,
    },
    /// It holds NaN or infinite values.
    NonFinite {
        /// Its name.
        name: String,
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
    },
    /// Weights that it is folded into, or that are folded into it, become NaN or infinite.
    Unfoldable {
        /// Its name.
        name: String,
        /// The first channel where that is so.
        channel: usize,
        /// How many such channels there are.
        count: usize,
        /// Of how many.
        of: usize,
        /// The first channel's values, and what becomes of them.
        how: String,
    },
}

/// Most dimensions that errors spell out.
const MAX_DIMS: usize = 8;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, shape } => write!(f, "missing tensor '{}' of shape {shape:?}", line(name)),
            Self::Extra { name, shape } => write!(f, "extra tensor '{}' of shape {}", line(name), dims(shape)),
            Self::Shape { name, found, expected } => {
                write!(f, "tensor '{}' has shape {}, but the network needs {expected:?}", line(name), dims(found))
            }
            Self::Type { name, found } => {
                write!(f, "tensor '{}' has type {found}; convert it to F32 (F16 and BF16 will do)", line(name))
            }
            Self::NonFinite { name, count, of } => {
                write!(f, "tensor '{}' has {count} NaN or infinite values of {of}", line(name))
            }
            Self::Unfoldable { name, channel, count, of, how } => {
                let name = line(name);
                write!(
                    f,
                    "tensor '{name}' makes weights NaN or too large for f32 in {count} of {of} channels; in channel {channel}, {how}"
                )
            }
        }
    }
}

/// A shape as a file claims it, which may have any number of dimensions.
fn dims(shape: &[usize]) -> String {
    if shape.len() <= MAX_DIMS { format!("{shape:?}") } else { format!("[{}, .. {} dimensions]", shape[0], shape.len()) }
}

/// `[n, c]` of `[n, c, 1, 1]`: a linear layer and a 1x1 convolution have the same weights.
pub(super) fn core_shape(shape: &[usize]) -> &[usize] {
    if let [n_c @ .., 1, 1] = shape
        && n_c.len() == 2
    {
        n_c
    } else {
        shape
    }
}
