//! Problems with tensors.

use std::fmt;

use crate::escape::line;

/// What is wrong with a tensor, which has the file's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The network needs the tensor, and the file lacks it.
    Missing {
        /// The name it would have in the file.
        name: String,
        /// The shape it would have.
        shape: Vec<usize>,
    },
    /// The network does not have the tensor.
    Extra {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The tensor's shape is not the network's.
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The network's shape.
        expected: Vec<usize>,
    },
    /// The tensor's type is not f32, f16 or bf16.
    Type {
        /// Its name.
        name: String,
        /// Its type, as safetensors writes it.
        found: String,
    },
    /// The tensor has values that are NaN or infinite.
    NonFinite {
        /// Its name.
        name: String,
        /// How many values.
        count: usize,
        /// Out of how many.
        of: usize,
    },
    /// Folding the tensor into others, or others into it, gives weights that are NaN or infinite.
    Unfoldable {
        /// Its name.
        name: String,
        /// The first channel with such weights.
        channel: usize,
        /// The number of such channels.
        count: usize,
        /// Out of how many.
        of: usize,
        /// The values of the first channel, and the result.
        how: String,
    },
}

/// The most dimensions that errors print.
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
                write!(f, "tensor '{}' has type {found}: convert it to F32, F16 or BF16", line(name))
            }
            Self::NonFinite { name, count, of } => {
                write!(f, "tensor '{}' has {count} NaN or infinite values of {of}", line(name))
            }
            Self::Unfoldable { name, channel, count, of, how } => {
                let name = line(name);
                write!(
                    f,
                    "tensor '{name}' makes weights NaN or too large for f32 in {count} of {of} channels: in channel {channel}, {how}"
                )
            }
        }
    }
}

/// A shape from a file, for messages. It may have any number of dimensions.
fn dims(shape: &[usize]) -> String {
    if shape.len() <= MAX_DIMS { format!("{shape:?}") } else { format!("[{}, .. {} dimensions]", shape[0], shape.len()) }
}

/// The shape without ones at its end: `[n, c]` of `[n, c, 1, 1]`. A linear layer and a 1x1 convolution have the same weights.
pub(super) fn core_shape(shape: &[usize]) -> &[usize] {
    if let [n_c @ .., 1, 1] = shape
        && n_c.len() == 2
    {
        n_c
    } else {
        shape
    }
}
