//! Copies values where their lanes are not those that a layer needs.

use sartor_models::{Activation, NodeId, Window, graph::MAX_ELEMENTS};

use super::error::NormalizeError;
use super::lanes::{INPUT, Layout};
use crate::layout::{Map, MapId, padded};
use crate::lower::epilogue::factor_of_sums;
use crate::network::layers::{Conv, Filter, LayerOp, Moved, Value};
use crate::ops::digits::Digits;

/// The most parts in which a map is moved.
pub(super) const PARTS: usize = 8;

/// Channels that follow one another where they lie and where they go.
pub(super) struct Part {
    src_lane: usize,
    dst_lane: usize,
    channels: usize,
}

impl Part {
    /// The parts in which channels go from some lanes to others, the lowest of the latter first.
    pub(super) fn of(src: &[usize], dst: &[usize]) -> Vec<Self> {
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

impl Layout<'_> {
    /// Where a value has a map to itself, with channel `c` in lane `c`. The value is copied if it has none.
    pub(super) fn ordered(&mut self, id: NodeId) -> Result<Value, NormalizeError> {
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

    /// Copies a value. Its channels are then in order from lane `dst_lane` on. Channels that already follow one another are moved;
    /// others are picked by a convolution with the identity, which can also apply an activation.
    pub(super) fn copy(
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

    /// Moves parts of a map to where `value` has them.
    pub(super) fn move_parts(&mut self, name: &str, src: MapId, parts: &[Part], value: &Value) {
        let &Map { h, w, .. } = &self.layers[src];
        for (i, &Part { src_lane, dst_lane, channels: c }) in parts.iter().enumerate() {
            let digits = Digits::of(&[c, h, w], &[0, 1, 2]).expect("three digits in their order");
            let op = Moved { src, src_lane, channels: c, dst: value.map, dst_lane, dst_channels: c, digits };
            let name = if parts.len() == 1 { name.into() } else { format!("{name}{i}") };
            self.aside(name, LayerOp::Move(op), value.clone(), None);
        }
    }

    /// Copies a value to a map of `c` lanes, channel `i` to lane `lanes[i]`: `each` of them become one pixel.
    pub(super) fn in_blocks(&mut self, src: &Value, lanes: &[usize], each: usize, c: usize) -> Result<MapId, NormalizeError> {
        if apart_pays(lanes.len(), each, c) { self.spread_apart(src, lanes, each, c) } else { self.spread(src, lanes, c) }
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
}

/// Whether channels that become blocks of pixels, `each` of them a pixel, are better copied to `c` lanes by a layer for each pixel of a block
/// than by one: its products grow with the square of all channels.
fn apart_pays(channels: usize, each: usize, c: usize) -> bool {
    /// Multiply-adds a pixel that take as long as a layer of its own costs.
    const LAYER: usize = 4096;
    padded(c) * channels > channels / each * (padded(each) * each + LAYER)
}
