//! Gives every value its map and lanes, and puts weights in the order of the lanes that they meet.

use std::collections::HashMap;

use sartor_models::{
    Activation, Arithmetic, DepthOrder, Network, NodeId, Rearrange, Shape, Spread, Weights, Window, graph::MAX_ELEMENTS,
};

use typed_index_collections::TiVec;

use super::error::NormalizeError;
use super::fuse::{Fused, Step, Steps};
use super::place::Places;
use super::tails::Tail;
use crate::layout::{Map, MapId, PANEL, padded};
use crate::lower::epilogue::factor_of_sums;
use crate::network::layers::{
    Activate, Add, Binary, Constant, Conv, Depthwise, Filter, Layer, LayerId, LayerOp, Layers, Moved, Normalized, Output, Pool,
    Rearranged, Reduce, Shares, Value,
};
use crate::network::output::{Piece, Stride};
use crate::ops::digits::Digits;
use crate::ops::lanes_of_blocks;

/// The map of the network's input.
const INPUT: MapId = MapId(0);

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

struct Layout<'a> {
    network: &'a Network,
    weights: &'a Weights,
    fused: &'a Steps,
    places: &'a Places,
    /// The values of the steps so far, except shuffles and slices.
    values: HashMap<NodeId, Value>,
    /// Copies of values with their channels in order.
    ordered: HashMap<NodeId, Value>,
    /// The maps of concatenations.
    concats: HashMap<NodeId, MapId>,
    /// The lanes of maps, before the last channel's, that have no channel. They are zero.
    gaps: HashMap<MapId, Vec<usize>>,
    layers: Layers,
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
        let (conv, ic) = (branches.conv(), self.network.node(step.inputs[0]).shape.c);
        let src = self.value(step.inputs[0]);
        let alike = self.alike(id, step);
        let shortcut = match (step.inputs.get(1), &alike) {
            (None, _) => None,
            (Some(_), Some(alike)) => Some(alike.map),
            (Some(&shortcut), None) => Some(self.ordered(shortcut)?.map),
        };
        let last = if shortcut.is_some() { &mut post_act } else { &mut act };
        *last = last.or(self.act_of_concat(id));
        let filter = branches.fold(self.network, self.weights, ic, factor_of_sums(act));
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
            let zero = step.op.takes_gaps(std::iter::empty());
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

    /// Lays out an operator that leaves every channel in its lane.
    fn by_lane(&mut self, id: NodeId, step: &Step) -> Result<(), NormalizeError> {
        let place = self.places.of(id);
        // A place in a concatenation has no room for gaps.
        let channels = step.inputs.iter().map(|&input| self.network.node(input).shape.c);
        let gaps = place.is_none() && step.op.takes_gaps(channels);
        let (a, b) = match *step.inputs {
            [a, b] if self.meets_lanes(step) => self.agreeing(a, b, gaps)?,
            [a, b] => (self.whole(a, gaps)?, self.whole(b, false)?),
            _ => {
                let a = match step.op {
                    Fused::Depthwise { .. } => self.panels(step.inputs[0], gaps)?,
                    _ => self.whole(step.inputs[0], gaps)?,
                };
                (a.clone(), a)
            }
        };
        let src = a.map;
        // All lanes of the map, gaps included, or those of some of its panels.
        let (src_lane, c) = if self.is_whole(&a) { (0, self.layers[src].c) } else { (a.lanes[0], a.lanes.len()) };
        let dst_lane = place.map_or(0, |place| place.lane);
        let own: Vec<usize> = a.lanes.iter().map(|lane| lane - src_lane).collect();
        let dst = match place {
            Some(place) => self.concat_map(place.concat),
            None => self.map_with_gaps(id, c, &own),
        };
        let mut filter = None;
        let op = match step.op {
            Fused::Depthwise { ref branches, act } => {
                let act = act.or(self.act_of_concat(id));
                let folded = branches.fold(self.network, self.weights, own.len(), factor_of_sums(act));
                let (window, taps) = (branches.conv().window, branches.conv().window.taps());
                let (weight, bias) = (permuted(&folded.weight, &own, taps, c), permuted(&folded.bias, &own, 1, c));
                filter = Some(Filter { weight, bias, ..folded });
                LayerOp::Depthwise(Depthwise { src, src_lane, dst, dst_lane, c, window, act })
            }
            Fused::Pool { kind, window, act } => {
                let act = act.or(self.act_of_concat(id));
                LayerOp::Pool(Pool { src, dst, dst_lane, c, kind, window, act })
            }
            Fused::Rearrange(how) => LayerOp::Rearrange(Rearranged { src, dst, how }),
            Fused::Reduce(reduction) => LayerOp::Reduce(Reduce { src, dst, reduction }),
            Fused::Softmax { log } => LayerOp::Softmax(Shares { src, dst, log }),
            Fused::Binary { op, act } => {
                let [first, second] = [step.inputs[0], step.inputs[1]].map(|input| self.network.node(input).shape.dims());
                let spread = Spread::of(first, second).expect("the graph is valid");
                LayerOp::Binary(Binary { op, spread, a: src, b: b.map, act, dst })
            }
            Fused::Add { act } => LayerOp::Add(Add { a: src, b: b.map, act, dst }),
            Fused::Activation(act) => LayerOp::Activation(Activate { src, act, dst }),
            Fused::Input | Fused::Conv { .. } | Fused::Shuffle { .. } | Fused::Slice { .. } | Fused::Concat { .. } => {
                unreachable!("laid out by `step`")
            }
            Fused::Constant | Fused::Move { .. } => unreachable!("laid out by `step`"),
        };
        self.push(id, step, op, filter, own.into_iter().map(|lane| dst_lane + lane).collect());
        Ok(())
    }

    /// Whether the second operand's channels meet those of the first, lane by lane. If not, its one channel meets all.
    fn meets_lanes(&self, step: &Step) -> bool {
        let channels = |input: NodeId| self.network.node(input).shape.c;
        !matches!(step.op, Fused::Binary { .. }) || channels(step.inputs[1]) == channels(step.inputs[0])
    }

    /// Lays out blocks of pixels that were channels. Where the channels are not in the lanes that the layer reads, a convolution
    /// puts them there.
    fn depth_to_space(&mut self, id: NodeId, step: &Step, block: usize, order: DepthOrder) -> Result<(), NormalizeError> {
        let value = self.value(step.inputs[0]);
        let (lanes, c) = lanes_of_blocks(value.lanes.len(), block, order);
        let fits = value.map != INPUT && self.layers[value.map].c == c && value.lanes == lanes;
        let each = lanes.len() / (block * block);
        let src = if fits {
            value.map
        } else if apart_pays(lanes.len(), each, c) {
            self.spread_apart(&value, &lanes, each, c)?
        } else {
            self.spread(&value, &lanes, c)?
        };
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

    /// Copies a value to a map of `c` lanes by a convolution that puts channel `i` in lane `lanes[i]`, and zeros in the others.
    fn spread(&mut self, src: &Value, lanes: &[usize], c: usize) -> Result<MapId, NormalizeError> {
        let ic = lanes.len();
        if c.checked_mul(ic).is_none_or(|n| n > MAX_ELEMENTS) {
            return Err(NormalizeError::Unsupported {
                node: self.network.node(src.node).name.clone(),
                help: format!("its {ic} channels must be copied here, and there are too many"),
            });
        }
        let mut weight = vec![0.0; c * ic];
        lanes.iter().enumerate().for_each(|(channel, lane)| weight[lane * ic + channel] = 1.0);
        let name = format!("{}.blocks", self.network.node(src.node).name);
        let dst = self.map_of(src.node, name.clone(), c);
        let conv = Conv {
            src: src.map,
            src_lanes: src.lanes.clone(),
            dst,
            dst_lane: 0,
            oc: c,
            window: Window::POINT,
            groups: 1,
            act: None,
            shortcut: None,
            post_act: None,
        };
        let value = Value { node: src.node, map: dst, lanes: lanes.to_vec() };
        let filter = Filter { weight, bias: vec![0.0; c], factor: factor_of_sums(None) };
        self.aside(name, LayerOp::Conv(conv), value, Some(filter));
        Ok(dst)
    }

    /// The same, by a copy for each `each` lanes, which become one pixel.
    fn spread_apart(&mut self, src: &Value, lanes: &[usize], each: usize, c: usize) -> Result<MapId, NormalizeError> {
        let name = format!("{}.blocks", self.network.node(src.node).name);
        let dst = self.map_of(src.node, name.clone(), c);
        let mut channels = vec![0; c];
        lanes.iter().enumerate().for_each(|(channel, &lane)| channels[lane] = channel);
        for (place, first) in (0..c).step_by(padded(each)).enumerate() {
            let lanes = channels[first..first + each].iter().map(|&channel| src.lanes[channel]).collect();
            self.copy(format!("{name}{place}"), &Value { lanes, ..*src }, dst, first, None)?;
        }
        self.holds(dst, &Value { node: src.node, map: dst, lanes: lanes.to_vec() });
        Ok(dst)
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
    fn value(&self, id: NodeId) -> Value {
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
    fn is_whole(&self, value: &Value) -> bool {
        let gaps = self.gaps.get(&value.map).map_or(0, Vec::len);
        value.map != INPUT && self.layers[value.map].c == value.lanes.len() + gaps
    }

    /// Where a value has a map to itself, with or without `gaps`. The value is copied if it has none.
    fn whole(&mut self, id: NodeId, gaps: bool) -> Result<Value, NormalizeError> {
        let value = self.value(id);
        let fits = self.is_whole(&value) && (gaps || !self.gaps.contains_key(&value.map));
        if fits { Ok(value) } else { self.ordered(id) }
    }

    /// Where a value has a map or panels to itself. The value is copied if it has none.
    fn panels(&mut self, id: NodeId, gaps: bool) -> Result<Value, NormalizeError> {
        let value = self.value(id);
        let lanes = value.run().filter(|first| value.map != INPUT && first.is_multiple_of(PANEL));
        let is_alone = lanes.is_some_and(|first| {
            let end = first + value.lanes.len();
            let gaps = self.gaps.get(&value.map);
            (end..padded(end)).all(|lane| lane >= self.layers[value.map].c || gaps.is_some_and(|gaps| gaps.contains(&lane)))
        });
        if is_alone { Ok(value) } else { self.whole(id, gaps) }
    }

    /// Where a value has a map to itself, with channel `c` in lane `c`. The value is copied if it has none.
    fn ordered(&mut self, id: NodeId) -> Result<Value, NormalizeError> {
        let value = self.value(id);
        if self.is_whole(&value) && value.run() == Some(0) {
            return Ok(value);
        }
        if let Some(ordered) = self.ordered.get(&id) {
            return Ok(ordered.clone());
        }
        let name = format!("{}.reorder", self.network.node(id).name);
        let dst = self.map(id, name.clone());
        let ordered = self.copy(name, &value, dst, 0, None)?;
        self.ordered.insert(id, ordered.clone());
        Ok(ordered)
    }

    /// Where two values are such that the channels of the second are in the same lanes as those of the first. They are copied if
    /// they are not.
    fn agreeing(&mut self, a: NodeId, b: NodeId, gaps: bool) -> Result<(Value, Value), NormalizeError> {
        let (whole_a, whole_b) = (self.whole(a, gaps)?, self.whole(b, gaps)?);
        if whole_a.lanes.starts_with(&whole_b.lanes) {
            return Ok((whole_a, whole_b));
        }
        if self.gaps.contains_key(&whole_a.map) && whole_a.lanes.len() == whole_b.lanes.len() {
            let parts = Part::of(&whole_b.lanes, &whole_a.lanes);
            if parts.len() <= PARTS {
                let c = self.layers[whole_a.map].c;
                let name = format!("{}.spaced", self.network.node(b).name);
                let dst = self.map_of(b, name.clone(), c);
                self.gaps.insert(dst, self.gaps[&whole_a.map].clone());
                let value = Value { node: b, map: dst, lanes: whole_a.lanes.clone() };
                self.move_parts(&name, whole_b.map, &parts, &value);
                return Ok((whole_a, value));
            }
        }
        Ok((self.ordered(a)?, self.ordered(b)?))
    }

    /// Moves parts of a map to where `value` has them.
    fn move_parts(&mut self, name: &str, src: MapId, parts: &[Part], value: &Value) {
        let &Map { h, w, .. } = &self.layers[src];
        for (i, &Part { src_lane, dst_lane, channels: c }) in parts.iter().enumerate() {
            let digits = Digits::of(&[c, h, w], &[0, 1, 2]).expect("three digits in their order");
            let op = Moved { src, src_lane, channels: c, dst: value.map, dst_lane, dst_channels: c, digits };
            let name = if parts.len() == 1 { name.into() } else { format!("{name}{i}") };
            self.aside(name, LayerOp::Move(op), value.clone(), None);
        }
    }

    /// Copies a value. Its channels are then in order from lane `dst_lane` on. Channels that already follow one another are moved;
    /// others are picked by a convolution with the identity, which can also apply an activation.
    fn copy(
        &mut self,
        name: String,
        src: &Value,
        dst: MapId,
        dst_lane: usize,
        act: Option<Activation>,
    ) -> Result<Value, NormalizeError> {
        let c = src.lanes.len();
        let value = Value { node: src.node, map: dst, lanes: (dst_lane..dst_lane + c).collect() };
        let parts = Part::of(&src.lanes, &value.lanes);
        if act.is_none() && src.map != INPUT && (parts.len() == 1 || parts.len() <= PARTS && self.gaps.contains_key(&src.map)) {
            self.move_parts(&name, src.map, &parts, &value);
            return Ok(value);
        }
        if c.checked_mul(c).is_none_or(|n| n > MAX_ELEMENTS) {
            return Err(NormalizeError::Unsupported {
                node: self.network.node(src.node).name.clone(),
                help: format!("its {c} channels must be copied here, which is done for up to 32768"),
            });
        }
        let (factor, mut weight) = (factor_of_sums(act), vec![0.0; c * c]);
        weight.iter_mut().step_by(c + 1).for_each(|w| *w = factor as f32);
        let conv = Conv {
            src: src.map,
            src_lanes: src.lanes.clone(),
            dst,
            dst_lane,
            oc: c,
            window: Window::POINT,
            groups: 1,
            act,
            shortcut: None,
            post_act: None,
        };
        let filter = Filter { weight, bias: vec![0.0; c], factor };
        self.aside(name, LayerOp::Conv(conv), value.clone(), Some(filter));
        Ok(value)
    }

    /// Says what a map holds that several layers write.
    fn holds(&mut self, map: MapId, value: &Value) {
        for layer in self.layers.layers.iter_mut().filter(|layer| layer.dst() == map) {
            layer.value = Some(value.clone());
        }
    }

    /// Adds a layer that copies or moves what another layer computes.
    fn aside(&mut self, name: String, op: LayerOp, value: Value, filter: Option<Filter>) {
        self.layers.layers.push(Layer { name, op, value: Some(value), macs: 0 });
        self.filters.push(filter);
    }

    fn push(&mut self, id: NodeId, step: &Step, op: LayerOp, filter: Option<Filter>, lanes: Vec<usize>) {
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

    fn concat_map(&mut self, concat: NodeId) -> MapId {
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
    fn map_with_gaps(&mut self, id: NodeId, c: usize, lanes: &[usize]) -> MapId {
        let map = self.map_of(id, self.network.node(id).name.clone(), c);
        let mut is_gap = vec![true; c];
        lanes.iter().for_each(|&lane| is_gap[lane] = false);
        let gaps: Vec<usize> = (0..c).filter(|&lane| is_gap[lane]).collect();
        if !gaps.is_empty() {
            self.gaps.insert(map, gaps);
        }
        map
    }

    fn map(&mut self, id: NodeId, name: String) -> MapId {
        self.map_of(id, name, self.network.node(id).shape.c)
    }

    /// A new map of a node's rows and columns, with this many lanes.
    fn map_of(&mut self, id: NodeId, name: String, c: usize) -> MapId {
        let shape = self.network.node(id).shape;
        self.layers.maps.push_and_get_key(Map { name, c, h: shape.h, w: shape.w })
    }

    fn act_of_concat(&self, id: NodeId) -> Option<Activation> {
        match self.fused.at(self.places.of(id)?.concat).op {
            Fused::Concat { act } => act,
            _ => None,
        }
    }
}

/// The most parts in which a map is moved.
const PARTS: usize = 8;

/// Channels that follow one another where they lie and where they go.
struct Part {
    src_lane: usize,
    dst_lane: usize,
    channels: usize,
}

impl Part {
    /// The parts in which channels go from some lanes to others, the lowest of the latter first.
    fn of(src: &[usize], dst: &[usize]) -> Vec<Self> {
        let mut lanes: Vec<(usize, usize)> = dst.iter().copied().zip(src.iter().copied()).collect();
        lanes.sort_unstable();
        let mut parts: Vec<Self> = Vec::new();
        for (dst_lane, src_lane) in lanes {
            match parts.last_mut() {
                Some(last) if (last.src_lane + last.channels, last.dst_lane + last.channels) == (src_lane, dst_lane) => {
                    last.channels += 1;
                }
                _ => parts.push(Self { src_lane, dst_lane, channels: 1 }),
            }
        }
        parts
    }
}

/// `count` rows of `row` values each: row `lanes[c]` is a copy of row `c` of `values`, and rows that no `lanes[c]` names are zero.
fn permuted(values: &[f32], lanes: &[usize], row: usize, count: usize) -> Vec<f32> {
    let mut moved = vec![0.0; count * row];
    for (from, &lane) in values.chunks_exact(row).zip(lanes) {
        moved[lane * row..][..row].copy_from_slice(from);
    }
    moved
}

/// Whether channels that become blocks of pixels, `each` of them a pixel, are better copied to `c` lanes by a layer for each pixel of a block
/// than by one: its products grow with the square of all channels.
fn apart_pays(channels: usize, each: usize, c: usize) -> bool {
    /// Multiply-adds a pixel that take as long as a layer of its own costs.
    const LAYER: usize = 4096;
    padded(c) * channels > channels / each * (padded(each) * each + LAYER)
}
