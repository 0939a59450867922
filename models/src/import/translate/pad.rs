//! Padding and repetition.

use super::super::dims::{MOST, broadcast};
use super::super::fold::{Pads, pads};
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{MapAxis, View};
use super::translator::{Translator, computed};
use crate::graph::{Conv2d, NodeId, Op, Padding, Rearrange, Shape, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Pad", "Expand"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "Pad" => pad(t, node).map(|value| vec![Value::Computed(value)]),
        _ => expand(t, node).map(|value| vec![Value::Computed(value)]),
    }
}

/// Zeros around a map. Convolutions behind it take the padding over.
fn pad(t: &mut Translator, node: &NodeReader<'_>) -> Result<Computed> {
    let input = computed(node)?;
    let mode = node.text("mode")?.unwrap_or_else(|| "constant".into());
    let rank = input.view.rank();
    let border = match mode.as_str() {
        "constant" => None,
        "edge" => Some(Border::Edge),
        "reflect" => Some(Border::Reflect),
        "wrap" => Some(Border::Wrap),
        other => return Err(format!("mode is {other}, and must be constant, edge, reflect or wrap")),
    };
    let Pads { axes, pads, value } = pads(node, rank)?;
    if let Some(border) = border {
        return bordered(t, node, input, border, &axes, &pads);
    }
    let input = &without_ends(t, node, input, &axes, &pads)?;
    let (view, shape) = (&input.view, t.shape(input.node));
    let mut around = [Padding::both(0); 3];
    let mut result = view.clone();
    for (i, &axis) in axes.iter().enumerate() {
        let [before, after] = [pads[i], pads[axes.len() + i]].map(|pad| usize::try_from(pad).unwrap_or(0));
        if (before, after) == (0, 0) {
            continue;
        }
        let dim = node.axis(axis, rank)?;
        let taken: Vec<MapAxis> = MapAxis::ALL.into_iter().filter(|&axis| around[axis as usize] != Padding::both(0)).collect();
        let map_axis = if view.dim(dim).is_empty() { view.free_axis(dim, shape, &taken) } else { view.axis(dim, shape) };
        let map_axis = map_axis
            .ok_or_else(|| format!("pads has numbers for dimension {dim} of {:?}, which is no axis in memory", view.sizes()))?;
        around[map_axis as usize] = Padding { before, after };
        let length = before.checked_add(after).and_then(|n| n.checked_add(view.sizes()[dim])).ok_or("pads are too large")?;
        result = result.resized(dim, map_axis, length);
    }
    if around == [Padding::both(0); 3] {
        return Ok(input.clone());
    }
    let lowest = value == f32::NEG_INFINITY || value == f32::MIN;
    if !value.is_finite() && !lowest {
        return Err(format!("the padding has value {value}, and must be a number"));
    }
    let mut id = input.node;
    let name = node.output(0);
    if lowest {
        if around[0] != Padding::both(0) || *view != View::usual(shape, rank) {
            return Err(format!(
                "the padding has value {value}, and must be a number but around the rows and columns of a map in order"
            ));
        }
        id = t.add(name, Op::Rearrange(Rearrange::Pad { rows: around[1], columns: around[2] }), &[id])?;
        t.lowest.insert(id, (input.clone(), (around[1], around[2])));
        return Ok(Computed { node: id, view: result });
    }
    if around[1..] != [Padding::both(0); 2] {
        id = t.add(&format!("{name}.bordered"), Op::Rearrange(Rearrange::Pad { rows: around[1], columns: around[2] }), &[id])?;
    }
    if around[0] != Padding::both(0) {
        id = t.more_channels(name, id, around[0])?;
    }
    if value != 0.0 {
        let to = t.shape(id);
        t.make(to.len())?;
        let inside = |axis: usize, at: usize| (around[axis].before..around[axis].before + shape.dims()[axis]).contains(&at);
        let place = |i: usize| [i / to.pixels(), i / to.w % to.h, i % to.w];
        let border = |i: usize| if (0..3).all(|axis| inside(axis, place(i)[axis])) { 0.0 } else { value };
        let border = t.constant(&format!("{name}.border"), to, (0..to.len()).map(border).collect())?;
        id = t.add(name, Op::Add, &[id, border])?;
    }
    Ok(Computed { node: id, view: result })
}

/// The tensor without what negative padding takes away.
fn without_ends(t: &mut Translator, node: &NodeReader<'_>, input: &Computed, axes: &[i64], pads: &[i64]) -> Result<Computed> {
    let mut value = input.clone();
    for (i, &axis) in axes.iter().enumerate() {
        let dim = node.axis(axis, input.view.rank())?;
        let [before, after] = [pads[i], pads[axes.len() + i]].map(|pad| pad.min(0).unsigned_abs() as usize);
        let size = value.view.sizes()[dim];
        let len = size.checked_sub(before).and_then(|rest| rest.checked_sub(after)).filter(|&len| len > 0);
        let len = len.ok_or_else(|| format!("pads are {pads:?}, which leave nothing of dimension {dim}, of length {size}"))?;
        value = t.part(&format!("{}.cut{dim}", node.output(0)), &value, dim, (before, len, 1))?;
    }
    Ok(value)
}

/// What lies around a map that is repeated.
#[derive(Clone, Copy)]
enum Border {
    /// The nearest position.
    Edge,
    /// The map, mirrored at its first or last position.
    Reflect,
    /// The map again.
    Wrap,
}

impl Border {
    /// The position of a dimension of this length that stands at `at`, which may lie outside.
    fn place(self, at: i64, size: i64) -> i64 {
        match self {
            Self::Edge => at.clamp(0, size - 1),
            Self::Wrap => at.rem_euclid(size),
            Self::Reflect if size == 1 => 0,
            Self::Reflect => {
                let place = at.rem_euclid(2 * (size - 1));
                place.min(2 * (size - 1) - place)
            }
        }
    }
}

/// A map with repeated positions around it, or without some of its own where padding is negative.
fn bordered(
    t: &mut Translator,
    node: &NodeReader<'_>,
    input: &Computed,
    border: Border,
    axes: &[i64],
    pads: &[i64],
) -> Result<Computed> {
    let mut value = input.clone();
    for (i, &axis) in axes.iter().enumerate() {
        let (before, after) = (pads[i], pads[axes.len() + i]);
        let dim = node.axis(axis, input.view.rank())?;
        let size = value.view.sizes()[dim] as i64;
        let end = size.checked_add(after).filter(|end| end.abs() <= MOST as i64 && before.abs() <= MOST as i64);
        let end = end.ok_or_else(|| format!("pads are {pads:?}, which is too much"))?;
        let places: Vec<usize> = (-before..end).map(|at| border.place(at, size) as usize).collect();
        t.make(places.len())?;
        value = t.selected(&format!("{}.dim{dim}", node.output(0)), &value, dim, &places)?;
    }
    Ok(value)
}

impl Translator {
    /// Adds channels of zeros: a convolution that copies the others. Most such maps are added to others, and need no copy then.
    pub(super) fn more_channels(&mut self, name: &str, input: NodeId, padding: Padding) -> Result<NodeId> {
        let c = self.shape(input).c;
        let oc = c.checked_add(padding.before).and_then(|n| n.checked_add(padding.after)).ok_or("pads are too large")?;
        let conv = Conv2d { oc, groups: 1, bias: false, window: Window::POINT };
        self.filled(name, conv, input, None, |[o, i, ..]| f32::from(u8::from(o == i + padding.before)))
    }
}

/// Repeats dimensions of length one. What is multiplied with another map, say, need not be repeated: `recognise` drops it there.
fn expand(t: &mut Translator, node: &NodeReader<'_>) -> Result<Computed> {
    let input = computed(node)?;
    let asked = node.integers(1)?.ok_or("shape is missing")?;
    let asked = asked.iter().map(|&d| usize::try_from(d)).collect::<std::result::Result<Vec<_>, _>>();
    let asked = asked.map_err(|_| "shape has a negative number")?;
    let sizes = broadcast(&input.view.sizes(), &asked)?;
    t.repeated(node.output(0), input, &sizes)
}

impl Translator {
    /// The tensor with dimensions of length one repeated to these.
    pub(super) fn repeated(&mut self, name: &str, input: &Computed, sizes: &[usize]) -> Result<Computed> {
        let view = with_rank(&input.view, sizes.len());
        let shape = self.shape(input.node);
        let mut longer = shape;
        let mut result = view.clone();
        let grown: Vec<usize> = (0..sizes.len()).filter(|&dim| view.dim(dim).is_empty() && sizes[dim] > 1).collect();
        let mut taken = Vec::new();
        for dim in grown {
            let axis = view
                .free_axis(dim, shape, &taken)
                .ok_or_else(|| format!("shape is {sizes:?}, which has more than three dimensions longer than one"))?;
            taken.push(axis);
            match axis {
                MapAxis::C => longer.c = sizes[dim],
                MapAxis::H => longer.h = sizes[dim],
                MapAxis::W => longer.w = sizes[dim],
            }
            result = result.resized(dim, axis, sizes[dim]);
        }
        let id = self.expanded(name, input.node, longer)?;
        Ok(Computed { node: id, view: result })
    }

    /// Repeats axes of length one until the map has this shape.
    pub(super) fn expanded(&mut self, name: &str, input: NodeId, to: Shape) -> Result<NodeId> {
        let shape = self.shape(input);
        let mut id = input;
        if to.c != shape.c {
            let conv = Conv2d { oc: to.c, groups: 1, bias: false, window: Window::POINT };
            id = self.filled(&format!("{name}.channels"), conv, id, None, |_| 1.0)?;
        }
        if (to.h, to.w) != (shape.h, shape.w) {
            id = self.add(name, Op::Rearrange(Rearrange::Upsample { rows: to.h / shape.h, columns: to.w / shape.w }), &[id])?;
        }
        Ok(id)
    }
}

/// The view with dimensions of length one in front.
pub fn with_rank(view: &View, rank: usize) -> View {
    let sizes = [vec![1; rank.saturating_sub(view.rank())], view.sizes()].concat();
    view.reshaped(&sizes).unwrap_or_else(|| view.clone())
}
