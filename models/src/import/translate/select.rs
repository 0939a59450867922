//! Lines of a map in another choice or order, or as weighted sums of lines.

use super::super::node::Result;
use super::super::value::Computed;
use super::super::view::{Factor, MapAxis, View};
use super::moved::with_channels;
use super::translator::Translator;
use crate::graph::{Conv2d, NodeId, Op, Padding, Rearrange, Window};

/// The longest window that takes a part of a map's rows or columns.
const LONGEST: usize = 32;

/// The most parts of the channels that are joined anew; more of them are chosen by a convolution.
pub(super) const MOST_PARTS: usize = 64;

/// The most weights of a convolution that chooses lines, if a few runs of lines are the same.
const LARGEST: usize = 1 << 20;

/// The most runs that are joined in place of a larger one: those of a line whose ends are mirrored, and one more.
const MOST_RUNS: usize = 4;

/// The places in runs, each up, down, or of one place again and again.
fn runs(places: &[usize]) -> Vec<&[usize]> {
    let step = |from: usize, to: usize| (from.abs_diff(to) <= 1).then_some(to.wrapping_sub(from));
    let mut runs = Vec::new();
    let mut rest = places;
    while let Some(&first) = rest.first() {
        let own = rest.get(1).and_then(|&second| step(first, second));
        let len = 1 + rest.windows(2).take_while(|pair| own.is_some() && step(pair[0], pair[1]) == own).count();
        let (run, others) = rest.split_at(len);
        runs.push(run);
        rest = others;
    }
    runs
}

impl Translator {
    /// Each line of the result along an axis is a weighted sum of the map's lines: `weight(line of the result, line of the map)`. A
    /// convolution over the channels, which rows or columns become for it.
    pub fn mapped(
        &mut self,
        name: &str,
        input: NodeId,
        axis: MapAxis,
        to: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Result<NodeId> {
        let order = Some(axis.as_channels()).filter(|_| axis != MapAxis::C);
        let lines = order.map_or(Ok(input), |order| self.transposed(&format!("{name}.lines"), input, order))?;
        let conv = Conv2d { oc: to, groups: 1, bias: false, window: Window::POINT };
        let own = if order.is_some() { format!("{name}.mapped") } else { name.to_owned() };
        let id = self.filled(&own, conv, lines, None, |[o, i, ..]| weight(o, i))?;
        order.map_or(Ok(id), |order| self.transposed(name, id, order))
    }

    /// The tensor in the usual order of its dimensions, if it is not yet so that this dimension is an axis.
    pub fn with_axis(&mut self, name: &str, input: &Computed, dim: usize) -> Result<(Computed, MapAxis)> {
        if let Some(axis) = input.view.axis(dim, self.shape(input.node)) {
            return Ok((input.clone(), axis));
        }
        let Ok(node) = self.image(&format!("{name}.usual"), input) else {
            return Ok((with_channels(self, &format!("{name}.usual"), input, dim..dim + 1)?, MapAxis::C));
        };
        let shape = self.shape(node);
        let view = View::usual(shape, input.view.rank());
        let axis = view.axis(dim, shape).ok_or_else(|| format!("dimension {dim} of {:?} is no axis", view.sizes()))?;
        Ok((Computed { node, view }, axis))
    }

    /// The same, and a dimension of length one is an axis of length one.
    pub fn with_free_axis(&mut self, name: &str, input: &Computed, dim: usize) -> Result<(Computed, MapAxis)> {
        match input.view.free_axis(dim, self.shape(input.node), &[]) {
            Some(axis) => Ok((input.clone(), axis)),
            None => self.with_axis(name, input, dim),
        }
    }

    /// The positions of a dimension that the list names, in its order.
    pub fn selected(&mut self, name: &str, input: &Computed, dim: usize, places: &[usize]) -> Result<Computed> {
        let size = input.view.sizes()[dim];
        let (&[first, ..], Some(&last)) = (places, places.last()) else {
            return Err(format!("nothing is left of dimension {dim}, of length {size}"));
        };
        if first == 0 && places.len() == size && places.is_sorted_by(|a, b| a < b) {
            return Ok(input.clone());
        }
        if last >= size || places.iter().any(|&place| place >= size) {
            return Err(format!("a place beyond the end of dimension {dim}, of length {size}, is asked for"));
        }
        let step = places.get(1).map_or(1, |second| second.wrapping_sub(first));
        if (1..=size).contains(&step) && places.iter().enumerate().all(|(i, &place)| place == first + i * step) {
            return self.part(name, input, dim, (first, places.len(), step));
        }
        if let Some(chosen) = self.chosen(name, input, dim, places)? {
            return Ok(chosen);
        }
        let runs = runs(places);
        if size.saturating_mul(places.len()) > LARGEST && (2..=MOST_RUNS).contains(&runs.len()) {
            return self.of_runs(name, input, dim, &runs);
        }
        let (input, axis) = self.with_axis(name, input, dim)?;
        let id = match axis {
            MapAxis::C => self.channels(name, input.node, places)?,
            _ => self.mapped(name, input.node, axis, places.len(), |to, from| f32::from(u8::from(places[to] == from)))?,
        };
        Ok(Computed { node: id, view: input.view.resized(dim, axis, places.len()) })
    }

    /// Runs of positions of a dimension, one behind the other.
    fn of_runs(&mut self, name: &str, input: &Computed, dim: usize, runs: &[&[usize]]) -> Result<Computed> {
        let mut parts = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            let name = format!("{name}.run{index}");
            let (begin, end) = run.iter().fold((usize::MAX, 0), |(low, high), &place| (low.min(place), high.max(place)));
            let part = self.part(&format!("{name}.part"), input, dim, (begin, end - begin + 1, 1))?;
            let places: Vec<usize> = run.iter().map(|place| place - begin).collect();
            parts.push(self.selected(&name, &part, dim, &places)?);
        }
        self.joined(name, parts, dim)
    }

    /// The positions of a dimension that is a part of the channels, say of each anchor's in a detector's head: the channels that they are.
    /// `None` if it is no such part, or if it takes too many runs of channels.
    fn chosen(&mut self, name: &str, input: &Computed, dim: usize, places: &[usize]) -> Result<Option<Computed>> {
        let &[Factor { axis: MapAxis::C, size, stride }] = input.view.dim(dim) else { return Ok(None) };
        let outer = self.shape(input.node).c / (size * stride);
        if outer.saturating_mul(places.len()) > MOST_PARTS {
            return Ok(None);
        }
        let starts = (0..outer).flat_map(|outer| places.iter().map(move |place| (outer * size + place) * stride));
        let channels: Vec<usize> = starts.flat_map(|start| start..start + stride).collect();
        let node = self.channels(name, input.node, &channels)?;
        Ok(Some(Computed { node, view: input.view.with_steps(dim, places.len()) }))
    }

    /// The channels that the list names, in its order: runs of them joined anew, or a convolution that chooses.
    pub(super) fn channels(&mut self, name: &str, input: NodeId, places: &[usize]) -> Result<NodeId> {
        let runs: Vec<&[usize]> = places.chunk_by(|a, b| a + 1 == *b).collect();
        if runs.len() > MOST_PARTS {
            return self.mapped(name, input, MapAxis::C, places.len(), |to, from| f32::from(u8::from(places[to] == from)));
        }
        let mut parts = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            parts.push(self.add(&format!("{name}.run{index}"), Op::Slice { begin: run[0], len: run.len() }, &[input])?);
        }
        self.add(name, Op::Concat, &parts)
    }

    /// The positions `begin + i * step` of a dimension, for `i` below `len`.
    pub fn part(
        &mut self,
        name: &str,
        input: &Computed,
        dim: usize,
        (begin, len, step): (usize, usize, usize),
    ) -> Result<Computed> {
        let (view, shape) = (&input.view, self.shape(input.node));
        let size = view.sizes()[dim];
        if (begin, len, step) == (0, size, 1) {
            return Ok(input.clone());
        }
        if len == 0 {
            return Err(format!("nothing is left of dimension {dim}, of length {size}"));
        }
        // A part of channels that were split into groups is a part of the channels if the groups are outermost.
        if let [factor] = view.dim(dim)
            && factor.axis == MapAxis::C
            && (step == 1 || len == 1)
            && factor.size * factor.stride == shape.c
        {
            let id = self.add(name, Op::Slice { begin: begin * factor.stride, len: len * factor.stride }, &[input.node])?;
            return Ok(Computed { node: id, view: view.with_size(dim, len) });
        }
        let places = || (0..len).map(|i| begin + i * step);
        if let Some(chosen) = self.chosen(name, input, dim, &places().collect::<Vec<usize>>())? {
            return Ok(chosen);
        }
        let (input, axis) = self.with_axis(name, input, dim)?;
        let (view, shape) = (&input.view, self.shape(input.node));
        let view = view.resized(dim, axis, len);
        let id = if axis == MapAxis::C {
            self.channels(name, input.node, &places().collect::<Vec<usize>>())?
        } else if step == 1 || len == 1 {
            let cropped = Padding { before: begin, after: size - begin - len };
            let (rows, columns) = if axis == MapAxis::H { (cropped, Padding::both(0)) } else { (Padding::both(0), cropped) };
            self.add(name, Op::Rearrange(Rearrange::Crop { rows, columns }), &[input.node])?
        } else {
            // A convolution of each channel whose window has one tap of one, at `begin`. It must not move more often than `len` times.
            let kernel = (begin + 1).max((size + 1).saturating_sub(len * step));
            if kernel > LONGEST {
                self.mapped(name, input.node, axis, len, |to, from| f32::from(u8::from(begin + to * step == from)))?
            } else {
                let (kernel_size, stride) = if axis == MapAxis::H { ((kernel, 1), (step, 1)) } else { ((1, kernel), (1, step)) };
                let window = Window::new(kernel_size, stride, Padding::around(0));
                let conv = Conv2d { oc: shape.c, groups: shape.c, bias: false, window };
                self.filled(name, conv, input.node, None, |[.., y, x]| f32::from(u8::from(y + x == begin)))?
            }
        };
        Ok(Computed { node: id, view })
    }
}
