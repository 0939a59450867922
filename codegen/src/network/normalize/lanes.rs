//! Gives every value its map and lanes, and puts weights in the order of the lanes that they meet.

use std::collections::HashMap;

use sartor_models::{Activation, Arithmetic, DepthOrder, Network, NodeId, Rearrange, Shape, Weights};

use typed_index_collections::TiVec;

use super::error::NormalizeError;
use super::fuse::{Fused, Step, Steps};
use super::place::Places;
use super::tails::Tail;
use crate::layout::{Map, MapId, padded};
use crate::lower::epilogue::factor_of_sums;
use crate::network::layers::{
    Constant, Conv, Filter, Layer, LayerId, LayerOp, Layers, Moved, Normalized, Output, Rearranged, Value,
};
use crate::network::output::{Piece, Stride};
use crate::ops::digits::Digits;
use crate::ops::lanes_of_blocks;

/// The map of the network's input.
pub(super) const INPUT: MapId = MapId(0);

/// Turns steps into layers.
pub(super) fn lay_out(
    network: &Network,
    weights: &Weights,
    fused: &Steps,
    places: &Places,
) -> Result<Normalized, NormalizeError> {
    let input = network.input_shape();
    let maps = TiVec::from(vec![Map { name: network.nodes()[0].name.clone(), c: input.c, h: input.h, w: input.w }]);
    let mut tailor = Layout {
        network,
        weights,
        fused,
        places,
        values: HashMap::new(),
        ordered: HashMap::new(),
        concats: HashMap::new(),
        gaps: HashMap::new(),
        layers: Layers { maps, layers: TiVec::new(), outputs: Vec::new() },
        filters: TiVec::new(),
    };
    for (id, step) in fused.iter() {
        if !places.of(id).is_some_and(|place| place.waits) {
            tailor.step(id, step)?;
        }
    }
    for Tail { node, pieces, softmaxes } in &fused.outputs {
        let mut copied = Vec::new();
        for (source, view) in pieces {
            let value = tailor.ordered(*source)?;
            copied.push(Piece { first: view.first, loops: view.loops(&tailor.layers[value.map]), value });
        }
        let (len, softmaxes) = (network.node(*node).shape.len(), softmaxes.clone());
        tailor.layers.outputs.push(Output { node: *node, len, pieces: copied, softmaxes });
    }
    Ok(Normalized { network: tailor.layers, filters: tailor.filters })
}

/// A network whose values are being given maps and lanes.
pub(super) struct Layout<'a> {
    pub(super) network: &'a Network,
    pub(super) weights: &'a Weights,
    fused: &'a Steps,
    pub(super) places: &'a Places,
    /// The values of the steps so far, except shuffles and slices.
    values: HashMap<NodeId, Value>,
    /// Copies of values with their channels in order.
    pub(super) ordered: HashMap<NodeId, Value>,
    /// The maps of concatenations.
    concats: HashMap<NodeId, MapId>,
    /// The lanes of maps, before the last channel's, that have no channel. They are zero.
    pub(super) gaps: HashMap<MapId, Vec<usize>>,
    pub(super) layers: Layers,
    filters: TiVec<LayerId, Option<Filter>>,
}

impl Layout<'_> {
    fn step(&mut self, id: NodeId, step: &Step) -> Result<(), NormalizeError> {
        match &step.op {
            Fused::Input => {
                let lanes = (0..self.network.input_shape().c).collect();
                self.values.insert(id, Value { node: id, map: INPUT, lanes });
                Ok(())
            }
            Fused::Shuffle { .. } | Fused::Slice { .. } => Ok(()),
            Fused::Concat { act } => self.concat(id, step, *act),
            Fused::Conv { .. } => self.conv(id, step),
            Fused::Rearrange(Rearrange::DepthToSpace { block, order }) => self.depth_to_space(id, step, *block, *order),
            Fused::Constant => {
                self.constant(id, step);
                Ok(())
            }
            Fused::Move { view, .. } => self.moved(id, step, &view.strides()),
            _ => self.by_lane(id, step),
        }
    }

    fn conv(&mut self, id: NodeId, step: &Step) -> Result<(), NormalizeError> {
        let Fused::Conv { ref branches, mut act, mut post_act } = step.op else { unreachable!("called for convolutions") };
        let conv = branches.conv();
        let src = self.value(step.inputs[0]);
        let alike = self.alike(id, step);
        let shortcut = match (step.inputs.get(1), &alike) {
            (None, _) => None,
            (Some(_), Some(alike)) => Some(alike.map),
            (Some(&shortcut), None) => Some(self.ordered(shortcut)?.map),
        };
        let last = if shortcut.is_some() { &mut post_act } else { &mut act };
        *last = last.or(self.act_of_concat(id));
        let filter = branches.fold(self.network, self.weights, factor_of_sums(act));
        let wanted = alike.map(|value| (value.lanes, self.layers[value.map].c));
        if let Some((lanes, c)) = wanted.or_else(|| self.blocks(id, step)) {
            let row = filter.weight.len() / conv.oc;
            let filter =
                Filter { weight: permuted(&filter.weight, &lanes, row, c), bias: permuted(&filter.bias, &lanes, 1, c), ..filter };
            let (src, src_lanes, window) = (src.map, src.lanes, conv.window);
            let dst = self.map_with_gaps(id, c, &lanes);
            let op = Conv { src, src_lanes, dst, dst_lane: 0, oc: c, window, groups: 1, act, shortcut, post_act };
            self.push(id, step, LayerOp::Conv(op), Some(filter), lanes);
            return Ok(());
        }
        let dst_lane = self.places.of(id).map_or(0, |place| place.lane);
        let dst = self.dst(id);
        let op = Conv {
            src: src.map,
            src_lanes: src.lanes,
            dst,
            dst_lane,
            oc: conv.oc,
            window: conv.window,
            groups: conv.groups,
            act,
            shortcut,
            post_act,
        };
        self.push(id, step, LayerOp::Conv(op), Some(filter), (dst_lane..dst_lane + conv.oc).collect());
        Ok(())
    }

    /// A value with gaps between its lanes, in whose lanes a convolution should put its results: its shortcut, or the map that its results
    /// scale.
    fn alike(&self, id: NodeId, step: &Step) -> Option<Value> {
        let Fused::Conv { branches, .. } = &step.op else { return None };
        if branches.conv().groups > 1 || self.places.of(id).is_some() {
            return None;
        }
        let has_gaps = |value: &Value| self.is_whole(value) && self.gaps.contains_key(&value.map);
        let channels = self.network.node(id).shape.c;
        if let Some(&shortcut) = step.inputs.get(1) {
            let zero = step.takes_gaps(self.network);
            return Some(self.value(shortcut)).filter(|value| zero && has_gaps(value) && value.lanes.len() == channels);
        }
        let mut readers = self.fused.iter().map(|(_, reader)| reader).filter(|reader| reader.inputs.contains(&id));
        let (reader, others) = (readers.next()?, readers.next());
        let Fused::Binary { op: Arithmetic::Mul, .. } = reader.op else { return None };
        let scaled = *reader.inputs.first().filter(|&&scaled| scaled != id && others.is_none())?;
        let known = self.values.contains_key(&self.fused.writer(scaled));
        let scaled = known.then(|| self.value(scaled))?;
        (has_gaps(&scaled) && scaled.lanes.len() == channels && !self.is_output(id)).then_some(scaled)
    }

    fn is_output(&self, id: NodeId) -> bool {
        self.fused.outputs.iter().any(|tail| tail.pieces.iter().any(|(piece, _)| self.fused.writer(*piece) == id))
    }

    /// The lanes in which a convolution's only reader, which makes blocks of pixels of its channels, wants them, and how many lanes
    /// there are. `None` if another convolution should put them there: because this one is in groups or takes a sum, or because
    /// computing the lanes between them takes more products than copying does.
    fn blocks(&self, id: NodeId, step: &Step) -> Option<(Vec<usize>, usize)> {
        let Fused::Conv { branches, .. } = &step.op else { return None };
        let conv = branches.conv();
        let is_plain = conv.groups == 1 && step.inputs.len() == 1;
        let mut readers = self.fused.iter().map(|(_, reader)| reader).filter(|reader| reader.inputs.contains(&id));
        let (reader, others) = (readers.next()?, readers.next());
        let Fused::Rearrange(Rearrange::DepthToSpace { block, order }) = reader.op else { return None };
        let (lanes, c) = lanes_of_blocks(conv.oc, block, order);
        let ic = self.network.node(step.inputs[0]).shape.c;
        let pays = (padded(c) - padded(conv.oc)) * ic * conv.window.taps() <= padded(c) * conv.oc;
        (is_plain && !self.is_output(id) && others.is_none() && pays).then_some((lanes, c))
    }

    /// Lays out blocks of pixels that were channels. Where the channels are not in the lanes that the layer reads, a convolution
    /// puts them there.
    fn depth_to_space(&mut self, id: NodeId, step: &Step, block: usize, order: DepthOrder) -> Result<(), NormalizeError> {
        let value = self.value(step.inputs[0]);
        let (lanes, c) = lanes_of_blocks(value.lanes.len(), block, order);
        let fits = value.map != INPUT && self.layers[value.map].c == c && value.lanes == lanes;
        let each = lanes.len() / (block * block);
        let src = if fits { value.map } else { self.in_blocks(&value, &lanes, each, c)? };
        let dst = self.dst(id);
        let op = LayerOp::Rearrange(Rearranged { src, dst, how: Rearrange::DepthToSpace { block, order } });
        let lanes = (0..self.network.node(id).shape.c).collect();
        self.push(id, step, op, None, lanes);
        Ok(())
    }

    /// Lays out a map of constants.
    fn constant(&mut self, id: NodeId, step: &Step) {
        let shape = self.network.node(id).shape;
        let param = self.network.params_of(id).into_iter().next().and_then(|param| self.weights.get(&param.name));
        let weight = param.map_or_else(Vec::new, |value| value.data().to_vec());
        let op = LayerOp::Constant(Constant { dst: self.dst(id), len: shape.len() });
        self.push(id, step, op, Some(Filter { weight, bias: Vec::new(), factor: 1.0 }), (0..shape.c).collect());
    }

    /// Lays out values that are moved. If no loops with constant strides do it, they are put in one row of lanes first.
    fn moved(&mut self, id: NodeId, step: &Step, strides: &[Stride]) -> Result<(), NormalizeError> {
        let source = self.value(step.inputs[0]);
        let source = if source.run().is_some() { source } else { self.ordered(step.inputs[0])? };
        let (src, src_lane, channels) = (source.map, source.lanes[0], source.lanes.len());
        let from = [channels, self.layers[src].h, self.layers[src].w];
        let Shape { c, h, w } = self.network.node(id).shape;
        let (to, all) = ([c, h, w], c * h * w);
        let loops: Vec<(usize, usize)> = strides.iter().map(|stride| (stride.count, stride.step)).collect();
        if let Some(digits) = Digits::new(&loops, from, to) {
            let dst = self.dst(id);
            let op = Moved { src, src_lane, channels, dst, dst_lane: 0, dst_channels: c, digits };
            self.push(id, step, LayerOp::Move(op), None, (0..c).collect());
            return Ok(());
        }
        let [first, second] = [Digits::new(&loops, from, [all, 1, 1]), Digits::new(&[(all, 1)], [all, 1, 1], to)]
            .map(|digits| digits.expect("a row of values has but one dimension"));
        let name = format!("{}.flat", self.network.node(step.node).name);
        let flat = self.layers.maps.push_and_get_key(Map { name: name.clone(), c: all, h: 1, w: 1 });
        let op = LayerOp::Move(Moved { src, src_lane, channels, dst: flat, dst_lane: 0, dst_channels: all, digits: first });
        let value = Value { node: id, map: flat, lanes: (0..all).collect() };
        self.aside(name, op, value, None);
        let dst = self.dst(id);
        let op =
            LayerOp::Move(Moved { src: flat, src_lane: 0, channels: all, dst, dst_lane: 0, dst_channels: c, digits: second });
        self.push(id, step, op, None, (0..c).collect());
        Ok(())
    }

    /// Lays out a concatenation: writes the operands that are not in its map yet, lower lanes first.
    fn concat(&mut self, id: NodeId, step: &Step, act: Option<Activation>) -> Result<(), NormalizeError> {
        let dst = self.concat_map(id);
        let mut lanes = Vec::new();
        let firsts = self.places.firsts(id);
        for (i, (&operand, &first)) in step.inputs.iter().zip(firsts).enumerate() {
            let writer = self.fused.writer(operand);
            match self.places.of(writer).filter(|place| place.concat == id) {
                Some(place) => {
                    if place.waits {
                        self.step(writer, self.fused.at(writer))?;
                    }
                    lanes.extend(self.value(operand).lanes);
                }
                None => {
                    let name = format!("{}.copy{i}", self.network.node(step.node).name);
                    let src = self.value(operand);
                    lanes.extend(self.copy(name, &src, dst, first, act)?.lanes);
                }
            }
        }
        let value = Value { node: id, map: dst, lanes };
        if act.is_some() {
            self.holds(dst, &value);
        }
        self.values.insert(id, value);
        Ok(())
    }

    /// Where a value is. This may be a part of a map, or the network's input.
    pub(super) fn value(&self, id: NodeId) -> Value {
        let mut channels: Vec<usize> = (0..self.network.node(id).shape.c).collect();
        let mut writer = id;
        loop {
            let Step { op, inputs, .. } = self.fused.at(writer);
            match op {
                Fused::Shuffle { groups } => {
                    let per_group = self.network.node(writer).shape.c / groups;
                    channels.iter_mut().for_each(|c| *c = *c % groups * per_group + *c / groups);
                }
                Fused::Slice { begin } => channels.iter_mut().for_each(|c| *c += begin),
                _ => break,
            }
            writer = inputs[0];
        }
        let Value { map, ref lanes, .. } = self.values[&writer];
        Value { node: id, map, lanes: channels.into_iter().map(|c| lanes[c]).collect() }
    }

    /// Whether a value has an NHWC map to itself. The map may have gaps.
    pub(super) fn is_whole(&self, value: &Value) -> bool {
        let gaps = self.gaps.get(&value.map).map_or(0, Vec::len);
        value.map != INPUT && self.layers[value.map].c == value.lanes.len() + gaps
    }

    /// Where a value has a map to itself, with or without `gaps`. The value is copied if it has none.
    pub(super) fn whole(&mut self, id: NodeId, gaps: bool) -> Result<Value, NormalizeError> {
        let value = self.value(id);
        let fits = self.is_whole(&value) && (gaps || !self.gaps.contains_key(&value.map));
        if fits { Ok(value) } else { self.ordered(id) }
    }

    /// Says what a map holds that several layers write.
    pub(super) fn holds(&mut self, map: MapId, value: &Value) {
        for layer in self.layers.layers.iter_mut().filter(|layer| layer.dst() == map) {
            layer.value = Some(value.clone());
        }
    }

    /// Adds a layer that copies or moves what another layer computes.
    pub(super) fn aside(&mut self, name: String, op: LayerOp, value: Value, filter: Option<Filter>) {
        self.layers.layers.push(Layer { name, op, value: Some(value), macs: 0 });
        self.filters.push(filter);
    }

    pub(super) fn push(&mut self, id: NodeId, step: &Step, op: LayerOp, filter: Option<Filter>, lanes: Vec<usize>) {
        let name = self.network.node(step.node).name.clone();
        let value = Value { node: id, map: op.dst(), lanes };
        self.values.insert(id, value.clone());
        self.layers.layers.push(Layer { name, op, value: Some(value), macs: self.network.macs_of(step.node) });
        self.filters.push(filter);
    }

    /// The map that a step writes: a new one of its own, or a concatenation's.
    fn dst(&mut self, id: NodeId) -> MapId {
        match self.places.of(id) {
            Some(place) => self.concat_map(place.concat),
            None => self.map(id, self.network.node(id).name.clone()),
        }
    }

    pub(super) fn concat_map(&mut self, concat: NodeId) -> MapId {
        if let Some(&map) = self.concats.get(&concat) {
            return map;
        }
        let firsts = self.places.firsts(concat);
        let operands = self.fused.at(concat).inputs.iter().map(|&operand| self.network.node(operand).shape.c);
        let lanes: Vec<usize> = firsts.iter().zip(operands).flat_map(|(&first, c)| first..first + c).collect();
        let map = self.map_with_gaps(concat, lanes.last().map_or(0, |last| last + 1), &lanes);
        self.concats.insert(concat, map);
        map
    }

    /// A new map of a node's rows and columns, with `c` lanes. The node's channels have the lanes given.
    pub(super) fn map_with_gaps(&mut self, id: NodeId, c: usize, lanes: &[usize]) -> MapId {
        let map = self.map_of(id, self.network.node(id).name.clone(), c);
        let mut is_gap = vec![true; c];
        lanes.iter().for_each(|&lane| is_gap[lane] = false);
        let gaps: Vec<usize> = (0..c).filter(|&lane| is_gap[lane]).collect();
        if !gaps.is_empty() {
            self.gaps.insert(map, gaps);
        }
        map
    }

    pub(super) fn map(&mut self, id: NodeId, name: String) -> MapId {
        self.map_of(id, name, self.network.node(id).shape.c)
    }

    /// A new map of a node's rows and columns, with this many lanes.
    pub(super) fn map_of(&mut self, id: NodeId, name: String, c: usize) -> MapId {
        let shape = self.network.node(id).shape;
        self.layers.maps.push_and_get_key(Map { name, c, h: shape.h, w: shape.w })
    }

    pub(super) fn act_of_concat(&self, id: NodeId) -> Option<Activation> {
        match self.fused.at(self.places.of(id)?.concat).op {
            Fused::Concat { act } => act,
            _ => None,
        }
    }
}

/// `count` rows of `row` values each: row `lanes[c]` is a copy of row `c` of `values`, and rows that no `lanes[c]` names are zero.
pub(super) fn permuted(values: &[f32], lanes: &[usize], row: usize, count: usize) -> Vec<f32> {
    let mut moved = vec![0.0; count * row];
    for (from, &lane) in values.chunks_exact(row).zip(lanes) {
        moved[lane * row..][..row].copy_from_slice(from);
    }
    moved
}
