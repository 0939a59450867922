//! Convolution of each lane by itself.

use sartor_models::{Activation, Padding, Window};
use typed_index_collections::TiSlice;

use super::filter::Filter;
use super::line;
use super::operator::{Operator, Role, Way};
use super::packed::PackedLayer;
use super::site::{RowGroup, Site};
use super::sliding::{self, Sliding};
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, PANEL, Place, padded};
use crate::lower::window::Kind;

/// A depthwise convolution with its batch norm and activation.
#[derive(Clone, Debug)]
pub struct Depthwise {
    /// What is read.
    pub src: MapId,
    /// First of the lanes that are read, which is that of a panel. Lanes of the last panel that are not read hold zeros.
    pub src_lane: usize,
    /// What is written. It may be the map that is read, but not the same panels.
    pub dst: MapId,
    /// First of the lanes that are written, which is that of a panel.
    pub dst_lane: usize,
    /// How many lanes.
    pub c: usize,
    /// Its window.
    pub window: Window,
    /// Applied last.
    pub act: Option<Activation>,
}

impl Operator for Depthwise {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn window(&self) -> Window {
        self.window
    }

    fn role(&self) -> Role {
        Role::Sliding
    }

    fn line(&self, _maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Conv { groups: self.c, ic: self.c, oc: self.c }, self.window)
    }

    fn words(&self) -> Vec<String> {
        self.act.map(|act| act.to_string()).into_iter().collect()
    }

    fn packed_len(&self) -> usize {
        padded(self.c) * (1 + self.window.taps())
    }

    fn pack(&self, _maps: &TiSlice<MapId, Map>, filter: &Filter, data: &mut Vec<f32>) -> PackedLayer {
        let offset = data.len();
        let window = self.window.taps();
        let lanes = self.c;
        for panel in 0..lanes.div_ceil(PANEL) {
            let lane = |i: usize| Some(panel * PANEL + i).filter(|&lane| lane < lanes);
            data.extend((0..PANEL).map(|i| lane(i).map_or(0.0, |lane| filter.bias[lane])));
            for tap in 0..window {
                data.extend((0..PANEL).map(|i| lane(i).map_or(0.0, |lane| filter.weight[lane * window + tap])));
            }
        }
        PackedLayer::Depthwise(offset)
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "depthwise"
    }

    fn cycles(&self, dst: &Map, way: &Way) -> f64 {
        sliding::cycles(self.window, dst, self.c, way)
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let Self { src, src_lane, dst, dst_lane, c, window, act } = *self;
        let counted = Padding::NONE;
        Sliding { kind: Kind::Depthwise, src, src_lane, dst, dst_lane, c, window, counted, act }.calls(site, rows)
    }
}
