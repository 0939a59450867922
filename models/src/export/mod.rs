//! Networks as ONNX files, operator by operator as PyTorch's exporter and timm's modules have them: nothing is folded or fused.

mod ops;
pub mod proto;

use prost::Message;

use crate::escape::line;
use crate::graph::{Network, NodeId};
use crate::weights::{Problem, Weights, list};

/// The version of ONNX's operators that files ask for.
pub const OPSET: i64 = 17;
/// The version of the format that came with them.
const IR_VERSION: i64 = 8;
/// What one protobuf message may hold.
const MAX_BYTES: usize = i32::MAX as usize;

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

/// The bytes of an ONNX file: one input, `input`, of `batch` images in NCHW; the outputs are named as their nodes. An output of one pixel,
/// as a classifier's, is `batch x channels`, all others are `batch x channels x rows x columns`.
///
/// # Errors
/// If weights are missing, ill-shaped or not finite, two values would share a name, or the file would be too large.
pub fn onnx(network: &Network, weights: &Weights, batch: usize) -> Result<Vec<u8>, ExportError> {
    let largest = network.nodes().iter().map(|node| node.shape.len()).max().unwrap_or(0);
    if batch == 0 || largest.checked_mul(batch).and_then(|n| n.checked_mul(4)).is_none_or(|bytes| bytes > MAX_BYTES) {
        return Err(ExportError::Batch(batch));
    }
    let problems = weights.problems(network);
    if !problems.is_empty() {
        return Err(ExportError::Tensors { network: network.name.clone(), problems });
    }
    let mut graph = ops::Writer::new(network, weights, batch);
    for id in 0..network.nodes().len() {
        graph.node(NodeId(id))?;
    }
    let model = proto::Model {
        ir_version: Some(IR_VERSION),
        producer_name: Some("sartor".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(graph.finish()?),
        opset_import: vec![proto::OperatorSet { domain: Some(String::new()), version: Some(OPSET) }],
    };
    let bytes = model.encoded_len();
    if bytes > MAX_BYTES {
        return Err(ExportError::Size { network: network.name.clone(), bytes });
    }
    Ok(model.encode_to_vec())
}
