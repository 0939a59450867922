//! Tensors whose elements are moved, where no operator can use them as they lie.

use super::super::node::Result;
use super::super::value::Computed;
use super::super::view::{MapAxis, View};
use super::translator::Translator;

/// The tensor as a map whose channels are some of its dimensions; those before are its rows, those behind its columns.
pub fn with_channels(t: &mut Translator, name: &str, input: &Computed, dims: std::ops::Range<usize>) -> Result<Computed> {
    let (view, sizes) = (&input.view, input.view.sizes());
    let groups = [view.merged(dims.clone()), view.merged(0..dims.start), view.merged(dims.end..view.rank())];
    let node = t.arranged(name, input, &groups)?;
    let axes = [MapAxis::H, MapAxis::C, MapAxis::W].map(Some);
    let view = View::of_axes(t.shape(node), &axes).reshaped(&sizes);
    Ok(Computed { node, view: view.ok_or("its dimensions do not fit")? })
}
