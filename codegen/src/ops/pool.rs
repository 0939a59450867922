//! Max or average over a window.

use sartor_models::{Activation, Padding, Window};
use typed_index_collections::TiSlice;

use super::line::{self, Each};
use super::operator::{Operator, Role, Way};
use super::site::{RowGroup, Site};
use super::sliding::{self, Sliding};
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place};
use crate::lower::window::Kind;

/// Pooling over a window.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What is read.
    pub src: MapId,
    /// What is written.
    pub dst: MapId,
    /// First of the lanes that are written, which is that of a panel.
    pub dst_lane: usize,
    /// How many lanes: all of the map that is read.
    pub c: usize,
    /// Max or average.
    pub kind: PoolKind,
    /// Its window.
    pub window: Window,
    /// Applied last.
    pub act: Option<Activation>,
}

/// How a window becomes one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// The largest value. Padding is never the largest.
    Max,
    /// The mean.
    Average {
        /// The padding of the rows and of the columns that counts as zeros.
        counted: (Padding, Padding),
    },
}

impl Operator for Pool {
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
        let each = match self.kind {
            PoolKind::Max => Each::MaxPool,
            PoolKind::Average { counted } => Each::AvgPool((counted != self.window.padding).then_some(counted)),
        };
        (line::Operator::Each(each, self.c), self.window)
    }

    fn words(&self) -> Vec<String> {
        self.act.map(|act| act.to_string()).into_iter().collect()
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "pool"
    }

    fn cycles(&self, dst: &Map, way: &Way) -> f64 {
        sliding::cycles(self.window, dst, self.c, way)
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let (kind, counted) = match self.kind {
            PoolKind::Max => (Kind::Max, Padding::NONE),
            PoolKind::Average { counted } => (Kind::Average, counted),
        };
        let Self { src, dst, dst_lane, c, window, act, .. } = *self;
        Sliding { kind, src, src_lane: 0, dst, dst_lane, c, window, counted, act }.calls(site, rows)
    }
}
