//! Operators that join and select parts of maps.

use super::super::constant::Constant;
use super::super::dims::MOST;
use super::super::fold::{parts, slices};
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{Factor, MapAxis, View};
use super::moved::with_channels;
use super::select::MOST_PARTS;
use super::translator::{Translator, computed};
use crate::graph::{NodeId, Op, Padding, Shape};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Concat", "Slice", "Split", "Gather", "Tile"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "Concat" => concat(t, node),
        "Slice" => slice(t, node),
        "Split" => split(t, node),
        "Gather" => gather(t, node),
        _ => tile(t, node),
    }
}

fn concat(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let rank = node.inputs().iter().find_map(Value::dims).map_or(0, |dims| dims.len());
    let axis = node.axis(node.int("axis")?.unwrap_or(1), rank)?;
    if let [Value::Computed(x), Value::Constant(zeros)] = node.inputs()
        && zeros.as_floats().is_some_and(|values| values.iter().all(|&x| x == 0.0))
    {
        return padded(t, node, x, zeros, axis);
    }
    let mut parts: Vec<Computed> = Vec::new();
    for (index, input) in node.inputs().iter().enumerate() {
        parts.push(match input {
            Value::Computed(part) => part.clone(),
            Value::Constant(constant) => t.held(&format!("{}.constant{index}", node.output(0)), constant)?,
            Value::Condition(_) => return Err("one of its inputs is a comparison".into()),
            Value::Absent | Value::Refused => return Err("one of its inputs is missing".into()),
        });
    }
    t.joined(node.output(0), parts, axis).map(|value| vec![Value::Computed(value)])
}

impl Translator {
    /// Tensors, one behind the other along a dimension.
    pub(super) fn joined(&mut self, name: &str, mut parts: Vec<Computed>, dim: usize) -> Result<Computed> {
        if parts.first().is_none_or(|first| dim >= first.view.rank()) {
            return Err("it has no inputs, or no such axis".into());
        }
        if let Some(joined) = self.joined_within(name, &parts, dim)? {
            return Ok(joined);
        }
        let others = |part: &Computed| part.view.without(dim);
        // What lies in another order is put into the usual one.
        let places = |t: &Self, part: &Computed| (others(part), t.axis_or_free(&part.view, dim, part.node));
        if parts.iter().any(|part| places(self, part) != places(self, &parts[0])) {
            for (index, part) in parts.iter_mut().enumerate() {
                let name = format!("{name}.part{index}");
                *part = match self.image(&name, part) {
                    Ok(node) => Computed { node, view: View::usual(self.shape(node), part.view.rank()) },
                    Err(_) => with_channels(self, &name, part, dim..dim + 1)?,
                };
            }
        }
        let sizes = |part: &Computed| part.view.without(dim).sizes();
        if let Some(other) = parts.iter().find(|part| sizes(part) != sizes(&parts[0])) {
            return Err(format!("inputs of dimensions {:?} and {:?} do not fit", parts[0].view.sizes(), other.view.sizes()));
        }
        let strides = parts.iter().map(|part| outer_stride(part.view.dim(dim), self.shape(part.node).c));
        let stride = same(strides).flatten();
        let axes = parts.iter().map(|part| self.axis_or_free(&part.view, dim, part.node));
        match (same(axes).flatten(), stride) {
            (Some(axis @ (MapAxis::H | MapAxis::W)), _) => self.joined_lines(name, &parts, dim, axis),
            (_, Some(stride)) => {
                let nodes: Vec<NodeId> = parts.iter().map(|part| part.node).collect();
                let id = self.add(name, Op::Concat, &nodes)?;
                let size = self.shape(id).c / stride;
                Ok(Computed { node: id, view: parts[0].view.with_factor(dim, Factor { axis: MapAxis::C, size, stride }) })
            }
            // What is no image cannot be put in the usual order.
            _ if parts[0].view.rank() > 4 && parts[0].view.sizes()[..dim].iter().any(|&size| size != 1) => {
                let turned = parts.iter().enumerate();
                let turned = turned.map(|(i, part)| with_channels(self, &format!("{name}.part{i}"), part, dim..dim + 1));
                let turned = turned.collect::<Result<Vec<Computed>>>()?;
                self.joined(name, turned, dim)
            }
            _ => self.stacked(name, &parts, dim),
        }
    }

    /// Tensors joined along a dimension that is an inner part of their channels, which lie alike but for it: the channels of all, in
    /// another order. `None` if they are not so, or if it takes too many runs of channels.
    fn joined_within(&mut self, name: &str, parts: &[Computed], dim: usize) -> Result<Option<Computed>> {
        let like = parts.iter().find(|part| !part.view.dim(dim).is_empty());
        let Some((like, &[Factor { axis: MapAxis::C, size, stride }])) = like.map(|like| (like, like.view.dim(dim))) else {
            return Ok(None);
        };
        let shape = self.shape(like.node);
        let outer = shape.c / (size * stride);
        let is_alike = |part: &Computed| {
            let own = self.shape(part.node);
            let is_factor = match *part.view.dim(dim) {
                [] => true,
                [factor] => (factor.axis, factor.stride) == (MapAxis::C, stride),
                _ => false,
            };
            is_factor && (own.h, own.w) == (shape.h, shape.w) && part.view.without_factor(dim) == like.view.without_factor(dim)
        };
        if outer == 1 || outer.saturating_mul(parts.len()) > MOST_PARTS || !parts.iter().all(is_alike) {
            return Ok(None);
        }
        let sizes: Vec<usize> = parts.iter().map(|part| part.view.sizes()[dim]).collect();
        let starts = sizes.iter().scan(0, |next, size| Some(std::mem::replace(next, *next + outer * size * stride)));
        let spans: Vec<(usize, usize)> = starts.zip(sizes.iter().map(|size| size * stride)).collect();
        let channels =
            (0..outer).flat_map(|i| spans.iter().flat_map(move |&(start, len)| start + i * len..start + (i + 1) * len));
        let channels: Vec<usize> = channels.collect();
        let nodes: Vec<NodeId> = parts.iter().map(|part| part.node).collect();
        let all = self.add(&format!("{name}.joined"), Op::Concat, &nodes)?;
        let node = self.channels(name, all, &channels)?;
        Ok(Some(Computed { node, view: like.view.with_steps(dim, sizes.iter().sum()) }))
    }

    /// The axis that a dimension is. One of length one is its usual axis, if that has length one.
    fn axis_or_free(&self, view: &View, dim: usize, node: NodeId) -> Option<MapAxis> {
        let shape = self.shape(node);
        if !view.dim(dim).is_empty() {
            return view.axis(dim, shape);
        }
        MapAxis::usual(view.rank(), dim).filter(|axis| axis.of(shape) == 1)
    }

    /// Maps one below or beside the other: rows or columns become channels for it.
    fn joined_lines(&mut self, name: &str, parts: &[Computed], dim: usize, axis: MapAxis) -> Result<Computed> {
        let order = axis.as_channels();
        let lines = parts.iter().enumerate().map(|(i, part)| self.transposed(&format!("{name}.lines{i}"), part.node, order));
        let lines = lines.collect::<Result<Vec<NodeId>>>()?;
        let all = self.add(&format!("{name}.joined"), Op::Concat, &lines)?;
        let id = self.transposed(name, all, order)?;
        let to = axis.of(self.shape(id));
        Ok(Computed { node: id, view: parts[0].view.with_factor(dim, Factor { axis, size: to, stride: 1 }) })
    }

    /// Tensors joined along a dimension that is no axis, but the first that is longer than one: each is put in order, so that the
    /// dimension becomes the channels.
    fn stacked(&mut self, name: &str, parts: &[Computed], dim: usize) -> Result<Computed> {
        let mut nodes = Vec::new();
        let mut total = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let sizes = part.view.sizes();
            if sizes[..dim].iter().any(|&size| size != 1) {
                return Err(format!("axis is {dim}, which is neither the channels nor the first dimension of {sizes:?}"));
            }
            let name = format!("{name}.part{index}");
            let ordered = self.ordered(&format!("{name}.ordered"), part)?;
            let rest: usize = sizes[dim + 1..].iter().product();
            let shape = Shape::new(sizes[dim], 1, rest);
            nodes.push(if self.shape(ordered.node) == shape { ordered.node } else { self.reshaped(&name, ordered.node, shape)? });
            total = sizes;
        }
        let id = self.add(name, Op::Concat, &nodes)?;
        let shape = self.shape(id);
        total[dim] = shape.c;
        let view = View::of_axes(shape, &[Some(MapAxis::C), Some(MapAxis::W)]).reshaped(&total);
        Ok(Computed { node: id, view: view.ok_or("its dimensions do not fit")? })
    }
}

/// What all items are.
fn same<T: PartialEq>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.all(|item| item == first).then_some(first)
}

/// The distance, in channels, of a dimension's positions, if they are the outermost part of the channels, or if there is one only.
fn outer_stride(factors: &[Factor], c: usize) -> Option<usize> {
    match factors {
        [] => Some(c),
        [factor] => (factor.axis == MapAxis::C && factor.size * factor.stride == c).then_some(factor.stride),
        _ => None,
    }
}

/// Channels of zeros behind those of a map.
fn padded(t: &mut Translator, node: &NodeReader<'_>, x: &Computed, zeros: &Constant, axis: usize) -> Result<Vec<Value>> {
    let (shape, sizes) = (t.shape(x.node), x.view.sizes());
    let fits = zeros.dims.len() == sizes.len() && (0..sizes.len()).all(|i| i == axis || zeros.dims[i] == sizes[i]);
    if !fits || x.view.axis(axis, shape) != Some(MapAxis::C) {
        return Err(format!(
            "zeros of dimensions {:?} behind a map of dimensions {sizes:?} are supported as channels only",
            zeros.dims
        ));
    }
    let id = t.more_channels(node.output(0), x.node, Padding { before: 0, after: zeros.dims[axis] })?;
    Ok(vec![Value::Computed(Computed { node: id, view: x.view.resized(axis, MapAxis::C, t.shape(id).c) })])
}

fn slice(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let slices = slices(node, &input.view.sizes())?;
    let mut value = input.clone();
    for (dim, &(begin, len, step)) in slices.iter().enumerate() {
        value = match usize::try_from(step) {
            Ok(step) => t.part(node.output(0), &value, dim, (begin, len, step))?,
            Err(_) => {
                let places: Vec<usize> = (0..len as i64).map(|i| (begin as i64 + i * step) as usize).collect();
                t.selected(node.output(0), &value, dim, &places)?
            }
        };
    }
    Ok(vec![Value::Computed(value)])
}

fn split(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let axis = node.axis(node.int("axis")?.unwrap_or(0), input.view.rank())?;
    let mut begin = 0;
    let mut values = Vec::new();
    for (index, len) in parts(node, input.view.sizes()[axis])?.into_iter().enumerate() {
        values.push(Value::Computed(t.part(node.output(index), input, axis, (begin, len, 1))?));
        begin += len;
    }
    Ok(values)
}

fn gather(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let sizes = input.view.sizes();
    let axis = node.axis(node.int("axis")?.unwrap_or(0), sizes.len())?;
    let indices = node.integers(1)?.ok_or("indices are missing")?;
    let places = indices.iter().map(|&index| node.axis(index, sizes[axis])).collect::<Result<Vec<usize>>>();
    let places = places.map_err(|_| format!("indices are {indices:?}, for {} places of axis {axis}", sizes[axis]))?;
    let value = t.selected(node.output(0), input, axis, &places)?;
    let dims = [&sizes[..axis], &node.needed(1)?.dims, &sizes[axis + 1..]].concat();
    let view =
        value.view.reshaped(&dims).ok_or_else(|| format!("its result has dimensions {dims:?}, which cut through others"))?;
    Ok(vec![Value::Computed(Computed { node: value.node, view })])
}

fn tile(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let repeats = node.integers(1)?.ok_or("repeats are missing")?;
    let times: Vec<usize> = repeats.iter().filter_map(|&n| usize::try_from(n).ok()).filter(|n| (1..=MOST).contains(n)).collect();
    if times.len() != input.view.rank() || repeats.len() != times.len() {
        return Err(format!("repeats are {repeats:?}, for a tensor of dimensions {:?}", input.view.sizes()));
    }
    let mut value = input.clone();
    for (dim, &times) in times.iter().enumerate().filter(|(_, times)| **times > 1) {
        t.make(times)?;
        value = t.joined(node.output(0), vec![value; times], dim)?;
    }
    Ok(vec![Value::Computed(value)])
}
