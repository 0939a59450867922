//! Lays out operators that leave every channel in its lane: they read whole maps, with gaps if they may, or whole panels.

use sartor_models::{NodeId, Spread};

use super::copies::{PARTS, Part};
use super::error::NormalizeError;
use super::fuse::{Fused, Step};
use super::lanes::{INPUT, Layout, permuted};
use crate::layout::{PANEL, padded};
use crate::lower::epilogue::factor_of_sums;
use crate::network::layers::{Activate, Add, Binary, Depthwise, Filter, LayerOp, Pool, Rearranged, Reduce, Shares, Value};

impl Layout<'_> {
    /// Lays out an operator that leaves every channel in its lane.
    pub(super) fn by_lane(&mut self, id: NodeId, step: &Step) -> Result<(), NormalizeError> {
        let place = self.places.of(id);
        // A place in a concatenation has no room for gaps.
        let gaps = place.is_none() && step.takes_gaps(self.network);
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
                let folded = branches.fold(self.network, self.weights, factor_of_sums(act));
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
    pub(super) fn meets_lanes(&self, step: &Step) -> bool {
        let channels = |input: NodeId| self.network.node(input).shape.c;
        !matches!(step.op, Fused::Binary { .. }) || channels(step.inputs[1]) == channels(step.inputs[0])
    }

    /// Where a value has a map or panels to itself. The value is copied if it has none.
    pub(super) fn panels(&mut self, id: NodeId, gaps: bool) -> Result<Value, NormalizeError> {
        let value = self.value(id);
        let lanes = value.run().filter(|first| value.map != INPUT && first.is_multiple_of(PANEL));
        let is_alone = lanes.is_some_and(|first| {
            let end = first + value.lanes.len();
            let gaps = self.gaps.get(&value.map);
            (end..padded(end)).all(|lane| lane >= self.layers[value.map].c || gaps.is_some_and(|gaps| gaps.contains(&lane)))
        });
        if is_alone { Ok(value) } else { self.whole(id, gaps) }
    }

    /// Where two values are such that the channels of the second are in the same lanes as those of the first. They are copied if
    /// they are not.
    pub(super) fn agreeing(&mut self, a: NodeId, b: NodeId, gaps: bool) -> Result<(Value, Value), NormalizeError> {
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
}
