//! Errors of writing a network as ONNX.

use crate::escape::line;
use crate::weights::{Problem, list};

/// The largest protobuf message, in bytes.
pub(super) const MAX_BYTES: usize = i32::MAX as usize;

/// The network cannot be written as ONNX.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Tensors that the network needs are missing, have a wrong shape, or hold or lead to values that are NaN or infinite.
    #[error("the weights do not fit network '{}':{}\nuse weights that were saved from this network", line(.network), list(.problems))]
    Tensors {
        /// The network's name.
        network: String,
        /// All tensors that are wrong.
        problems: Vec<Problem>,
    },
    /// The batch has no images, or so many that the size of a map needs more than 31 bits.
    #[error("batch is {0}: use at least 1, and so few that each map has less than 2 GiB")]
    Batch(usize),
    /// Two values of the file would have the same name.
    #[error("node '{}': another value of the file has the name '{}': rename one of the nodes", line(.node), line(.name))]
    Name {
        /// The later node.
        node: String,
        /// The name.
        name: String,
    },
    /// The file would be larger than a protobuf message may be.
    #[error(
        "network '{}' needs {bytes} bytes, and an ONNX file with weights inside has at most {MAX_BYTES}: use a smaller width",
        line(.network)
    )]
    Size {
        /// The network's name.
        network: String,
        /// The bytes that it needs.
        bytes: usize,
    },
}
