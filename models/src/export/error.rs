//! Why a network cannot be written as ONNX.

use crate::escape::line;
use crate::weights::{Problem, list};

/// What one protobuf message may hold.
pub(super) const MAX_BYTES: usize = i32::MAX as usize;

/// A network that cannot be written as ONNX.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Tensors that the network needs are missing, have another shape, or have or give values that are NaN or infinite.
    #[error("the weights do not fit network '{}':{}\ngive weights that were saved from this network", line(.network), list(.problems))]
    Tensors {
        /// The network's name.
        network: String,
        /// All tensors at fault.
        problems: Vec<Problem>,
    },
    /// No images, or more than a map's bytes can be counted for.
    #[error("batch is {0}: use 1 or more, few enough for 31 bits of bytes a map")]
    Batch(usize),
    /// Two values of the file would have one name.
    #[error("node '{}': the name '{}' is taken by another value of the file: rename one of the nodes", line(.node), line(.name))]
    Name {
        /// The later node.
        node: String,
        /// The name.
        name: String,
    },
    /// More than a protobuf message may hold.
    #[error(
        "network '{}' takes {bytes} bytes, an ONNX file with its weights inside holds {MAX_BYTES}: use a smaller width",
        line(.network)
    )]
    Size {
        /// The network's name.
        network: String,
        /// Bytes it takes.
        bytes: usize,
    },
}
