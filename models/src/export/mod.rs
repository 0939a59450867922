//! Networks as ONNX files. Operators are those that PyTorch's exporter and timm's modules give; nothing is folded or fused.

mod error;
mod ops;

use prost::Message;

use crate::graph::{Network, NodeId};
use crate::proto;
use crate::weights::Weights;
use error::MAX_BYTES;

pub use error::ExportError;

/// The version of ONNX's operators that files use.
pub const OPSET: i64 = 17;
/// The version of the file format that belongs to these operators.
const IR_VERSION: i64 = 8;

/// The bytes of an ONNX file. Its input, `input`, takes `batch` images in NCHW, and its outputs have the names of their nodes. An
/// output of one pixel, such as a classifier's, is `batch x channels`; others are `batch x channels x rows x columns`.
///
/// # Errors
/// If weights are missing, have a wrong shape or are not finite; if two values would have the same name; or if the file would be too large.
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
