//! Reductions over pixels or channels.

use super::super::fold::axes;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{Factor, MapAxis, View};
use super::translator::{Translator, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Conv2d, NodeId, Op, Padding, Reduction, Shape, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &[
    "ReduceMean",
    "ReduceSum",
    "ReduceMax",
    "ReduceMin",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSum",
    "ReduceLogSumExp",
];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "ReduceLogSumExp" => log_sum_exp(t, node),
        _ => reduce(t, node),
    }
    .map(|value| vec![value])
}

fn reduce(t: &mut Translator, node: &NodeReader<'_>) -> Result<Value> {
    let input = computed(node)?;
    let (axes, keep) = axes(node, input.view.rank())?;
    let name = node.output(0);
    let (before, reduction, after) = match node.operator() {
        "ReduceMean" => (None, Reduction::Mean, None),
        "ReduceSum" => (None, Reduction::Sum, None),
        "ReduceMax" => (None, Reduction::Max, None),
        "ReduceMin" => (None, Reduction::Min, None),
        "ReduceL1" => (Some(Activation::Abs), Reduction::Sum, None),
        "ReduceLogSum" => (None, Reduction::Sum, Some(Activation::Log)),
        "ReduceL2" => (Some(Activation::Square), Reduction::Sum, Some(Activation::Sqrt)),
        _ => (Some(Activation::Square), Reduction::Sum, None),
    };
    let mut value = input.clone();
    if let Some(function) = before {
        value.node = t.activation(&format!("{name}.terms"), function, value.node)?;
    }
    let Computed { node: mut id, view } = t.without_dims(name, &value, &axes, reduction)?;
    if let Some(function) = after {
        id = t.activation(name, function, id)?;
    }
    Ok(Value::Computed(Computed { node: id, view: without(&view, &axes, keep) }))
}

/// `log(sum(exp(x)))`. The largest is subtracted first and added last, so that no exponential is infinite.
fn log_sum_exp(t: &mut Translator, node: &NodeReader<'_>) -> Result<Value> {
    let Computed { node: x, view } = computed(node)?;
    let (axes, keep) = axes(node, view.rank())?;
    let name = node.output(0);
    let largest = t.reduced(&format!("{name}.largest"), *x, view, &axes, Reduction::Max)?;
    let spread = t.spread(&format!("{name}.spread"), largest, t.shape(*x))?;
    let less = t.add(&format!("{name}.less"), Op::Binary(Arithmetic::Sub), &[*x, spread])?;
    let powers = t.activation(&format!("{name}.powers"), Activation::Exp, less)?;
    let sums = t.reduced(&format!("{name}.sums"), powers, view, &axes, Reduction::Sum)?;
    let log = t.activation(&format!("{name}.log"), Activation::Log, sums)?;
    let id = t.add(name, Op::Add, &[log, largest])?;
    Ok(Value::Computed(Computed { node: id, view: without(view, &axes, keep) }))
}

impl Translator {
    /// Reduces some dimensions to length one.
    pub(super) fn without_dims(&mut self, name: &str, input: &Computed, dims: &[usize], by: Reduction) -> Result<Computed> {
        let Computed { node, view } = self.without_parts(name, input, dims, by)?;
        let node = self.reduced(name, node, &view, dims, by)?;
        Ok(Computed { node, view: view.with_lengths_of_one(dims) })
    }

    /// Reduces a part of the channels, if one of the dimensions is one: groups of channels are added or compared.
    fn without_parts(&mut self, name: &str, input: &Computed, dims: &[usize], reduction: Reduction) -> Result<Computed> {
        let mut value = input.clone();
        for &dim in dims {
            let c = self.shape(value.node).c;
            let [Factor { axis: MapAxis::C, size, stride }] = value.view.dim(dim)[..] else { continue };
            if size == c {
                continue;
            }
            let node = match (stride, size * stride == c) {
                (_, true) => value.node,
                // The innermost part becomes the outermost.
                (1, false) => self.add(&format!("{name}.turned"), Op::ChannelShuffle { groups: c / size }, &[value.node])?,
                _ => {
                    let outer = 0..c / (size * stride);
                    let starts = (0..size).flat_map(|i| outer.clone().map(move |outer| (outer * size + i) * stride));
                    let places: Vec<usize> = starts.flat_map(|start| start..start + stride).collect();
                    self.channels(&format!("{name}.turned"), value.node, &places)?
                }
            };
            let view = value.view.without_factor(dim);
            value = Computed { node: self.reduced_groups(name, node, size, reduction)?, view };
        }
        Ok(value)
    }

    /// Reduces so many groups of channels to one group.
    fn reduced_groups(&mut self, name: &str, input: NodeId, groups: usize, reduction: Reduction) -> Result<NodeId> {
        let len = self.shape(input).c / groups;
        let mut parts = (0..groups)
            .map(|i| self.add(&format!("{name}.group{i}"), Op::Slice { begin: i * len, len }, &[input]))
            .collect::<Result<Vec<NodeId>>>()?;
        let op = match reduction {
            Reduction::Mean | Reduction::Sum => Op::Add,
            Reduction::Max => Op::Binary(Arithmetic::Max),
            Reduction::Min => Op::Binary(Arithmetic::Min),
        };
        // Pairs first, so that errors grow with the logarithm of the number.
        while let [_, _, ..] = parts[..] {
            let pairs = parts.chunks(2).map(|pair| match pair {
                [a, b] => self.add(&format!("{name}.both"), op, &[*a, *b]),
                rest => Ok(rest[0]),
            });
            parts = pairs.collect::<Result<Vec<NodeId>>>()?;
        }
        match reduction {
            Reduction::Mean => self.affine(name, parts[0], vec![1.0 / groups as f32; len], vec![0.0; len]),
            _ => Ok(parts[0]),
        }
    }

    /// Reduces the axes of a map that some dimensions of its view are.
    pub(super) fn reduced(
        &mut self,
        name: &str,
        input: NodeId,
        view: &View,
        dims: &[usize],
        reduction: Reduction,
    ) -> Result<NodeId> {
        let shape = self.shape(input);
        let inside = |axis: MapAxis| dims.iter().any(|&dim| view.touches(dim, axis));
        let outside = |axis: MapAxis| (0..view.rank()).any(|dim| !dims.contains(&dim) && view.touches(dim, axis));
        if let Some(axis) = MapAxis::ALL.into_iter().find(|&axis| inside(axis) && outside(axis)) {
            return Err(format!("axes reduce a part of the {axis:?} axis of a map of {shape}"));
        }
        let mut id = input;
        match (inside(MapAxis::H), inside(MapAxis::W)) {
            (false, false) => {}
            (h, w) if (h || shape.h == 1) && (w || shape.w == 1) => id = self.add(name, Op::Reduce(reduction), &[id])?,
            (h, _) => id = self.reduced_lines(name, id, if h { (shape.h, 1) } else { (1, shape.w) }, reduction)?,
        }
        if inside(MapAxis::C) {
            id = self.reduced_channels(name, id, reduction)?;
        }
        Ok(id)
    }

    /// Reduces all rows, or all columns, by a pool.
    fn reduced_lines(&mut self, name: &str, input: NodeId, kernel: (usize, usize), reduction: Reduction) -> Result<NodeId> {
        let window = Window::new(kernel, (1, 1), Padding::around(0));
        let c = self.shape(input).c;
        let scaled = |t: &mut Self, id: NodeId, factor: f32| t.affine(name, id, vec![factor; c], vec![0.0; c]);
        match reduction {
            Reduction::Mean => self.add(name, Op::avg_pool(window), &[input]),
            Reduction::Max => self.add(name, Op::MaxPool(window), &[input]),
            Reduction::Sum => {
                let mean = self.add(&format!("{name}.mean"), Op::avg_pool(window), &[input])?;
                scaled(self, mean, window.taps() as f32)
            }
            Reduction::Min => {
                let negative = scaled(self, input, -1.0)?;
                let largest = self.add(&format!("{name}.largest"), Op::MaxPool(window), &[negative])?;
                scaled(self, largest, -1.0)
            }
        }
    }

    /// Reduces all channels to one. Sums are convolutions. For extremes, halves of the channels are compared.
    pub(super) fn reduced_channels(&mut self, name: &str, input: NodeId, reduction: Reduction) -> Result<NodeId> {
        let Shape { mut c, .. } = self.shape(input);
        let op = match reduction {
            Reduction::Mean => return self.weighted_sum(name, input, 1.0 / c as f32),
            Reduction::Sum => return self.weighted_sum(name, input, 1.0),
            Reduction::Max => Arithmetic::Max,
            Reduction::Min => Arithmetic::Min,
        };
        let mut id = input;
        while c > 1 {
            // The halves overlap where their number is odd.
            let len = c.div_ceil(2);
            let first = self.add(&format!("{name}.first{len}"), Op::Slice { begin: 0, len }, &[id])?;
            let second = self.add(&format!("{name}.second{len}"), Op::Slice { begin: c - len, len }, &[id])?;
            id =
                self.add(&if len == 1 { name.to_owned() } else { format!("{name}.of{len}") }, Op::Binary(op), &[first, second])?;
            c = len;
        }
        Ok(id)
    }

    /// The sum over the channels, times a factor: a convolution to one channel.
    fn weighted_sum(&mut self, name: &str, input: NodeId, factor: f32) -> Result<NodeId> {
        let conv = Conv2d { oc: 1, groups: 1, bias: false, window: Window::POINT };
        self.filled(name, conv, input, None, |_| factor)
    }
}

/// The view after these dimensions were reduced to one element.
fn without(view: &View, axes: &[usize], keep: bool) -> View {
    let view = view.with_lengths_of_one(axes);
    if keep {
        return view;
    }
    let left: Vec<usize> = (0..view.rank()).filter(|dim| !axes.contains(dim)).collect();
    view.transposed(&left)
}
