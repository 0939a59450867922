//! Channels that become rows and columns, and the other way round.

use super::super::node::{NodeReader, Result};
use super::super::value::Value;
use super::translator::{Translator, computed};
use crate::graph::{Conv2d, DepthOrder, NodeId, Op, Padding, Rearrange, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["DepthToSpace", "SpaceToDepth"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let block = node.int("blocksize")?.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
    let block = block.ok_or("blocksize must be at least 1")?;
    let blocks_first = match node.text("mode")?.as_deref() {
        None | Some("DCR") => true,
        Some("CRD") => false,
        Some(other) => return Err(format!("mode is {other}, and must be DCR or CRD")),
    };
    let src = t.image(node.output(0), input)?;
    let id = match node.operator() {
        "DepthToSpace" => t.depth_to_space(node.output(0), src, block, blocks_first)?,
        _ => t.space_to_depth(node.output(0), src, block, blocks_first)?,
    };
    Ok(t.usual(id, input.view.rank()))
}

impl Translator {
    /// Channels become rows and columns within blocks.
    pub(super) fn depth_to_space(&mut self, name: &str, input: NodeId, block: usize, blocks_first: bool) -> Result<NodeId> {
        let order = if blocks_first { DepthOrder::Dcr } else { DepthOrder::Crd };
        self.add(name, Op::Rearrange(Rearrange::DepthToSpace { block, order }), &[input])
    }

    /// Rows and columns within blocks become channels: a convolution of each channel to one for each place of a block.
    pub(super) fn space_to_depth(&mut self, name: &str, input: NodeId, block: usize, blocks_first: bool) -> Result<NodeId> {
        let shape = self.shape(input);
        if block == 0 || !shape.h.is_multiple_of(block) || !shape.w.is_multiple_of(block) {
            return Err(format!("blocks of {block}x{block} do not divide a map of {shape}"));
        }
        let places = block.checked_mul(block).ok_or("the blocks are too large")?;
        let oc = shape.c.checked_mul(places).ok_or("the blocks are too large")?;
        let window = Window::new((block, block), (block, block), Padding::around(0));
        let conv = Conv2d { oc, groups: shape.c, bias: false, window };
        let own = if blocks_first { format!("{name}.blocks") } else { name.to_owned() };
        let id = self.filled(&own, conv, input, None, |[o, _, y, x]| f32::from(u8::from(o % places == y * block + x)))?;
        if !blocks_first {
            return Ok(id);
        }
        self.add(name, Op::ChannelShuffle { groups: shape.c }, &[id])
    }
}
