//! Gathers and scatters of parts whose places are constant: the parts become channels, which are chosen.

use super::super::constant::{Constant, Data};
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::MapAxis;
use super::translator::Translator;
use crate::graph::{NodeId, Op};

/// What is translated here.
pub const OPERATORS: &[&str] = &["GatherND", "ScatterND"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let found = match node.operator() {
        "GatherND" => gather(t, node)?,
        _ => scatter(t, node)?,
    };
    Ok(vec![Value::Computed(found)])
}

/// Places in a tensor, and the parts that lie there.
struct Places {
    /// The part of each place.
    parts: Vec<usize>,
    /// How many parts there are.
    count: usize,
    /// Elements of a part.
    len: usize,
    /// Dimensions of a part.
    inner: Vec<usize>,
    /// Dimensions of the places.
    outer: Vec<usize>,
}

impl Places {
    /// The places that a node's second input names in a tensor of these dimensions, of which the first few are batches of one.
    fn of(node: &NodeReader<'_>, sizes: &[usize], batches: usize) -> Result<Self> {
        let (dims, indices) = (&node.needed(1)?.dims, node.integers(1)?.unwrap_or_default());
        let fault = || format!("its indices have dimensions {dims:?}, for a tensor of dimensions {sizes:?}");
        let (&depth, outer) = dims.split_last().ok_or_else(fault)?;
        let reach = batches.checked_add(depth).filter(|&reach| depth > 0 && reach <= sizes.len()).ok_or_else(fault)?;
        let part = |place: &[i64]| {
            place.iter().zip(&sizes[batches..]).try_fold(0, |part, (&index, &size)| Ok(part * size + node.axis(index, size)?))
        };
        let parts: Result<Vec<usize>> = indices.chunks_exact(depth).map(part).collect();
        let parts = parts.map_err(|_: String| format!("its indices lie outside of a tensor of dimensions {sizes:?}"))?;
        let inner = sizes[reach..].to_vec();
        Ok(Self { parts, count: sizes[..reach].iter().product(), len: inner.iter().product(), inner, outer: outer.to_vec() })
    }
}

/// The parts that the indices name.
fn gather(t: &mut Translator, node: &NodeReader<'_>) -> Result<Computed> {
    let name = node.output(0);
    let Value::Computed(input) = node.input(0) else { return Err("its first input must be floats of the network".into()) };
    let sizes = input.view.sizes();
    let asked = node.int("batch_dims")?.unwrap_or(0);
    let batches = usize::try_from(asked).ok().filter(|&n| n <= sizes.len() && sizes[..n].iter().all(|&size| size == 1));
    let batches = batches.ok_or_else(|| format!("batch_dims is {asked}, and these dimensions of {sizes:?} must be 1"))?;
    let places = Places::of(node, &sizes, batches)?;
    let parts = t.shaped(&format!("{name}.parts"), input, &[1, places.count, places.len])?;
    let chosen = t.selected(name, &parts, 1, &places.parts)?;
    t.shaped(&format!("{name}.ordered"), &chosen, &[places.outer, places.inner].concat())
}

/// A tensor of which the parts that the indices name are replaced.
fn scatter(t: &mut Translator, node: &NodeReader<'_>) -> Result<Computed> {
    if let Some(reduction) = node.text("reduction")?.filter(|reduction| reduction != "none") {
        return Err(format!("reduction is {reduction}, and must be none"));
    }
    let sizes = node.input(0).dims().ok_or("its first input is missing")?;
    let places = Places::of(node, &sizes, 0)?;
    let updates = node.input(2).dims().ok_or("its updates are missing")?;
    if updates.iter().product::<usize>() != places.parts.len() * places.len {
        return Err(format!("its updates have dimensions {updates:?}, for {} parts of {:?}", places.parts.len(), places.inner));
    }
    if let (Value::Computed(input), Value::Computed(updates)) = (node.input(0), node.input(2))
        && let Some(found) = first_channels(t, node.output(0), input, updates, &places)?
    {
        return Ok(found);
    }
    let name = node.output(0);
    let mut parts = |index: usize, count: usize| -> Result<Computed> {
        let (dims, name) = ([1, count, places.len], format!("{name}.parts{index}"));
        match node.input(index) {
            Value::Computed(input) => t.shaped(&name, input, &dims),
            Value::Constant(constant) => {
                let Data::Floats(values) = &constant.data else {
                    return Err(format!("input {index} holds {}, and must hold floats", constant.data.kind()));
                };
                t.held(&name, &Constant::floats(dims.to_vec(), values.clone()))
            }
            _ => Err(format!("input {index} is missing or a comparison")),
        }
    };
    let both = vec![parts(0, places.count)?, parts(2, places.parts.len())?];
    let both = t.joined(&format!("{name}.both"), both, 1)?;
    let mut chosen: Vec<usize> = (0..places.count).collect();
    for (update, &part) in places.parts.iter().enumerate() {
        chosen[part] = places.count + update;
    }
    let chosen = t.selected(name, &both, 1, &chosen)?;
    t.shaped(&format!("{name}.ordered"), &chosen, &sizes)
}

/// A map of which some first channels are replaced: how exporters write `x[:, :n] = y`. None else is found.
fn first_channels(
    t: &mut Translator,
    name: &str,
    input: &Computed,
    updates: &Computed,
    places: &Places,
) -> Result<Option<Computed>> {
    let (sizes, shape) = (input.view.sizes(), t.shape(input.node));
    let channel_len: usize = sizes.get(2..).map_or(1, |rest| rest.iter().product());
    let n = (places.parts.len() * places.len).checked_div(channel_len).unwrap_or(0);
    let in_order = places.parts.iter().enumerate().all(|(i, &part)| i == part);
    let is_channels = sizes.len() > 1 && sizes[0] == 1 && input.view.axis(1, shape) == Some(MapAxis::C) && n <= shape.c;
    if !in_order || !is_channels || n * channel_len != places.parts.len() * places.len {
        return Ok(None);
    }
    let mut part_sizes = sizes.clone();
    part_sizes[1] = n;
    let part = updates.view.reshaped(&part_sizes).filter(|view| view.axis(1, t.shape(updates.node)) == Some(MapAxis::C));
    if part.is_none_or(|view| view.without(1) != input.view.without(1)) {
        return Ok(None);
    }
    let rest = (n < shape.c).then(|| t.add(&format!("{name}.rest"), Op::Slice { begin: n, len: shape.c - n }, &[input.node]));
    let parts: Vec<NodeId> = std::iter::once(Ok(updates.node)).chain(rest).collect::<Result<_>>()?;
    let id = t.add(name, Op::Concat, &parts)?;
    Ok(Some(Computed { node: id, view: input.view.clone() }))
}

impl Translator {
    /// A tensor with other dimensions, of the same elements in the same order.
    fn shaped(&mut self, name: &str, input: &Computed, dims: &[usize]) -> Result<Computed> {
        match input.view.reshaped(dims) {
            Some(view) => Ok(Computed { node: input.node, view }),
            None => self.in_rows(name, input, dims),
        }
    }
}
