//! How much a file would take in memory, counted before it is decoded: an empty message takes two bytes of a file and hundreds when it is read.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::dims::MOST;

/// The most messages and names of a file. The largest networks have some hundred thousand.
const MAX_MESSAGES: usize = 1 << 21;
/// How deep messages lie in others at most: the decoder refuses more.
const MAX_DEPTH: usize = 100;

/// A message of ONNX, by what is read of it.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    Value,
    Type,
    TensorType,
    Shape,
    /// A text, or a message that has no others inside.
    Leaf,
}

impl Message {
    /// What a field holds, if it is a message or a name, of which there may be many.
    fn inside(self, tag: u32) -> Option<Self> {
        Some(match (self, tag) {
            (Self::Model, 7) | (Self::Attribute, 6) => Self::Graph,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 15) => Self::Sparse,
            (Self::Sparse, 1) | (Self::Graph, 5) | (Self::Attribute, 5) => Self::Tensor,
            (Self::Graph, 11..=13) => Self::Value,
            (Self::Node, 5) => Self::Attribute,
            (Self::Value, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Model, 8) | (Self::Node, 1 | 2) | (Self::Tensor, 13) | (Self::Shape, 1) => Self::Leaf,
            _ => return None,
        })
    }
}

/// What was counted so far.
#[derive(Default)]
struct Size {
    messages: usize,
    /// Numbers at most: integers that are packed take a byte or more.
    numbers: usize,
}

/// Refuses a file that has too many messages or numbers. What is no message at all is left to the decoder.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let mut size = Size::default();
    let _ = count(Message::Model, bytes, MAX_DEPTH, &mut size);
    if size.messages > MAX_MESSAGES {
        return Err(format!("it has more than {MAX_MESSAGES} nodes, attributes, tensors and names"));
    }
    if size.numbers > 2 * MOST {
        return Err(format!("it has more than {} numbers that are written one by one", 2 * MOST));
    }
    Ok(())
}

/// Counts what is in a message. Ends early where the bytes are damaged, or where there is too much already.
fn count(message: Message, mut bytes: &[u8], depth: usize, size: &mut Size) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    while bytes.has_remaining() && size.messages <= MAX_MESSAGES && size.numbers <= 2 * MOST {
        let (tag, kind) = decode_key(&mut bytes).ok()?;
        if kind != WireType::LengthDelimited {
            size.numbers += 1;
            skip_field(kind, tag, &mut bytes, DecodeContext::default()).ok()?;
            continue;
        }
        let len = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
        let (field, rest) = bytes.split_at_checked(len)?;
        bytes = rest;
        match message.inside(tag) {
            Some(Message::Leaf) => size.messages += 1,
            Some(inside) => {
                size.messages += 1;
                count(inside, field, depth, size)?;
            }
            None if matches!((message, tag), (Message::Tensor, 1 | 5 | 7) | (Message::Attribute, 8)) => size.numbers += len,
            None => {}
        }
    }
    Some(())
}
