//! Softmax over the channels of each pixel.

use sartor_models::Window;
use typed_index_collections::TiSlice;

use super::line::{self, Each};
use super::operator::{Operator, Way};
use super::site::{RowGroup, Site};
use crate::ir::isa;
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place, padded};
use crate::lower::softmax::Softmax;
use crate::lower::spec::Spec;

/// The softmax of each pixel's lanes.
#[derive(Clone, Debug)]
pub struct Shares {
    /// What is read.
    pub src: MapId,
    /// What is written, in the same lanes.
    pub dst: MapId,
    /// Whether its logarithm is taken.
    pub log: bool,
}

/// Instructions for each register of a pixel: two exponentials, and one or two for each lane that is read by itself.
const INSTRUCTIONS: f64 = 50.0;

impl Operator for Shares {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::Softmax { log: self.log }, maps[self.src].c), Window::POINT)
    }

    fn words(&self) -> Vec<String> {
        vec![Softmax::word(self.log).into()]
    }

    fn prefix(&self, _src: Place) -> &'static str {
        Softmax::word(self.log)
    }

    fn cycles(&self, dst: &Map, way: &Way) -> f64 {
        INSTRUCTIONS * (padded(dst.c) / isa::of(way.level).lanes) as f64 * (dst.h * dst.w) as f64
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let map = &site.maps[self.dst];
        let spec = Softmax {
            log: self.log,
            m: rows.count * map.w,
            channels: map.c,
            src_pitch: site.pitch(self.src),
            dst_pitch: site.pitch(self.dst),
        };
        let args = vec![site.row(self.src, rows.first.clone()), site.row(self.dst, rows.first.clone())];
        vec![site.call(rows.layer, &Spec::Softmax(spec), args, rows.problem)]
    }
}
