//! Operators that join and select parts of maps.

use super::super::constant::Constant;
use super::super::fold::{parts, slices};
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{MapAxis, View};
use super::translator::{Translator, computed};
use crate::graph::{Conv2d, NodeId, Op, Padding, Rearrange, Shape, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Concat", "Slice", "Split", "ScatterND"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "Concat" => concat(t, node),
        "Slice" => slice(t, node),
        "Split" => split(t, node),
        _ => scatter(t, node),
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
    let mut parts: Vec<(NodeId, Computed)> = Vec::new();
    for input in node.inputs() {
        let Value::Computed(part) = input else {
            return Err("one of its inputs is constant, and only zeros behind a map are supported".into());
        };
        let shape = t.shape(part.node);
        let is_channels = part.view.is_channels(axis, shape);
        if !is_channels {
            return stacked(t, node, axis).map(|value| vec![Value::Computed(value)]);
        }
        parts.push((part.node, part.clone()));
    }
    let Some((_, first)) = parts.first() else { return Err("it has no inputs".into()) };
    let others = |part: &Computed| part.view.without(axis);
    if let Some((_, other)) = parts.iter().find(|(_, part)| others(part) != others(first)) {
        return Err(format!(
            "its inputs, of dimensions {:?} and {:?}, lie in memory in different orders",
            first.view.sizes(),
            other.view.sizes()
        ));
    }
    let view = first.view.clone();
    let nodes: Vec<NodeId> = parts.into_iter().map(|(id, _)| id).collect();
    let id = t.add(node.output(0), Op::Concat, &nodes)?;
    let view = view.resized(axis, MapAxis::C, t.shape(id).c);
    Ok(vec![Value::Computed(Computed { node: id, view })])
}

/// Tensors joined along a dimension that is not the channels, but the first that is longer than one: each is put in order, so that
/// the dimension becomes the channels.
fn stacked(t: &mut Translator, node: &NodeReader<'_>, axis: usize) -> Result<Computed> {
    let mut nodes = Vec::new();
    let mut total = Vec::new();
    for (index, input) in node.inputs().iter().enumerate() {
        let Value::Computed(part) = input else { return Err("one of its inputs is constant".into()) };
        let sizes = part.view.sizes();
        if sizes[..axis].iter().any(|&dim| dim != 1) {
            return Err(format!("axis is {axis}, which is neither the channels nor the first dimension of {sizes:?}"));
        }
        let name = format!("{}.part{index}", node.output(0));
        let ordered = t.ordered(&format!("{name}.ordered"), part)?;
        let rest: usize = sizes[axis + 1..].iter().product();
        let shape = Shape::new(sizes[axis], 1, rest);
        nodes.push(if t.shape(ordered.node) == shape { ordered.node } else { t.reshaped(&name, ordered.node, shape)? });
        total = sizes;
    }
    let id = t.add(node.output(0), Op::Concat, &nodes)?;
    let shape = t.shape(id);
    total[axis] = shape.c;
    let view = View::of_axes(shape, &[Some(MapAxis::C), Some(MapAxis::W)]).reshaped(&total);
    Ok(Computed { node: id, view: view.ok_or("its dimensions do not fit")? })
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
        value = part(t, node.output(0), &value, dim, (begin, len, step))?;
    }
    Ok(vec![Value::Computed(value)])
}

fn split(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let axis = node.axis(node.int("axis")?.unwrap_or(0), input.view.rank())?;
    let mut begin = 0;
    let mut values = Vec::new();
    for (index, len) in parts(node, input.view.sizes()[axis])?.into_iter().enumerate() {
        values.push(Value::Computed(part(t, node.output(index), input, axis, (begin, len, 1))?));
        begin += len;
    }
    Ok(values)
}

/// The longest window that takes a part of a map's rows or columns.
const LONGEST: usize = 32;

/// The positions `begin + i * step` of a dimension, for `i` below `len`.
pub fn part(
    t: &mut Translator,
    name: &str,
    input: &Computed,
    dim: usize,
    (begin, len, step): (usize, usize, i64),
) -> Result<Computed> {
    let (view, shape) = (&input.view, t.shape(input.node));
    let size = view.sizes()[dim];
    if (begin, len, step) == (0, size, 1) {
        return Ok(input.clone());
    }
    let step = usize::try_from(step).map_err(|_| format!("steps is {step}, and must be positive"))?;
    if len == 0 {
        return Err(format!("nothing is left of dimension {dim}, of length {size}"));
    }
    // A part of channels that were split into groups is a part of the channels if the groups are outermost.
    if let [factor] = view.dim(dim)
        && factor.axis == MapAxis::C
        && step == 1
        && factor.size * factor.stride == shape.c
    {
        let id = t.add(name, Op::Slice { begin: begin * factor.stride, len: len * factor.stride }, &[input.node])?;
        return Ok(Computed { node: id, view: view.with_size(dim, len) });
    }
    let Some(axis) = view.axis(dim, shape) else {
        return Err(format!("a part of dimension {dim} of {:?} lies scattered in memory", view.sizes()));
    };
    if axis == MapAxis::C {
        let conv = Conv2d { oc: len, groups: 1, bias: false, window: Window::POINT };
        let id = t.filled(name, conv, input.node, None, |[o, i, ..]| f32::from(u8::from(i == begin + o * step)))?;
        return Ok(Computed { node: id, view: view.resized(dim, axis, len) });
    }
    if step == 1 {
        let cropped = Padding { before: begin, after: size - begin - len };
        let (rows, columns) = if axis == MapAxis::H { (cropped, Padding::both(0)) } else { (Padding::both(0), cropped) };
        let id = t.add(name, Op::Rearrange(Rearrange::Crop { rows, columns }), &[input.node])?;
        return Ok(Computed { node: id, view: view.resized(dim, axis, len) });
    }
    // A convolution of each channel whose window has one tap of one, at `begin`. It must not move more often than `len` times.
    let kernel = (begin + 1).max((size + 1).saturating_sub(len * step));
    if kernel > LONGEST {
        return Err(format!(
            "dimension {dim} of length {size} is cut to {len} from {begin} on; parts are supported near its beginning only"
        ));
    }
    let (kernel_size, stride) = if axis == MapAxis::H { ((kernel, 1), (step, 1)) } else { ((1, kernel), (1, step)) };
    let window = Window::new(kernel_size, stride, Padding::around(0));
    let conv = Conv2d { oc: shape.c, groups: shape.c, bias: false, window };
    let id = t.filled(name, conv, input.node, None, |[.., y, x]| f32::from(u8::from(y + x == begin)))?;
    Ok(Computed { node: id, view: view.resized(dim, axis, len) })
}

/// A map of which some first channels are replaced: how exporters write `x[:, :n] = y`.
fn scatter(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    if let Some(reduction) = node.text("reduction")?.filter(|reduction| reduction != "none") {
        return Err(format!("reduction is {reduction}, and must be none"));
    }
    let Value::Computed(updates) = node.input(2) else {
        return Err("its updates are constant, and must be computed by the network".into());
    };
    let (sizes, indices) = (input.view.sizes(), node.needed(1)?);
    let places = node.integers(1)?.unwrap_or_default();
    let depth = indices
        .dims
        .last()
        .copied()
        .filter(|&depth| depth > 0 && depth <= sizes.len())
        .ok_or("its indices have no dimensions")?;
    let inner: usize = sizes[depth..].iter().product();
    let channel_len: usize = sizes.get(2..).map_or(1, |rest| rest.iter().product());
    let n = (places.len() / depth * inner).checked_div(channel_len).unwrap_or(0);
    // The places must be the first elements in their order.
    let in_order = places.chunks_exact(depth).enumerate().all(|(i, place)| {
        let at = place.iter().zip(&sizes).try_fold(0usize, |at, (&index, &dim)| Some(at * dim + usize::try_from(index).ok()?));
        at == Some(i)
    });
    let shape = t.shape(input.node);
    let is_channels = sizes.len() > 1 && sizes[0] == 1 && input.view.axis(1, shape) == Some(MapAxis::C) && n <= shape.c;
    if !in_order || !is_channels || n * channel_len != updates.view.sizes().iter().product::<usize>() {
        return Err(format!("it replaces other parts of dimensions {sizes:?} than the first channels"));
    }
    let mut part_sizes = sizes.clone();
    part_sizes[1] = n;
    let part = updates.view.reshaped(&part_sizes).filter(|view| view.axis(1, t.shape(updates.node)) == Some(MapAxis::C));
    if part.is_none_or(|view| view.without(1) != input.view.without(1)) {
        return Err("its updates lie in memory in another order".into());
    }
    let name = node.output(0);
    let rest = (n < shape.c).then(|| t.add(&format!("{name}.rest"), Op::Slice { begin: n, len: shape.c - n }, &[input.node]));
    let parts: Vec<NodeId> = std::iter::once(Ok(updates.node)).chain(rest).collect::<Result<_>>()?;
    let id = t.add(name, Op::Concat, &parts)?;
    Ok(vec![Value::Computed(Computed { node: id, view: input.view.clone() })])
}
