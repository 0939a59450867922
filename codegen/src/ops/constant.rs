//! A map of constants.

use sartor_models::Window;
use typed_index_collections::TiSlice;

use super::filter::Filter;
use super::line::{self, Each};
use super::operator::{Operator, Role};
use super::packed::PackedLayer;
use super::site::{RowGroup, Site};
use crate::ir::stage::Step;
use crate::layout::{Loop, Map, MapId, PANEL, Place};

/// A map that is copied from the weights. It has a stage of its own.
#[derive(Clone, Debug)]
pub struct Constant {
    /// What is written: channel `c` in lane `c`.
    pub dst: MapId,
    /// How many values there are.
    pub len: usize,
}

impl Constant {
    /// The loops that copy the packed values, from the outermost in.
    pub fn loops(&self, maps: &TiSlice<MapId, Map>) -> Vec<Loop> {
        let map = &maps[self.dst];
        let pixels = Loop { count: map.h * map.w, src: map.c, dst: map.pitch() };
        crate::layout::in_order(vec![pixels, Loop { count: map.c, src: 1, dst: 1 }])
    }
}

impl Operator for Constant {
    fn sources(&self) -> Vec<MapId> {
        Vec::new()
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn role(&self) -> Role {
        Role::Alone
    }

    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::Constant, maps[self.dst].c), Window::POINT)
    }

    fn words(&self) -> Vec<String> {
        vec![Each::Constant.word()]
    }

    fn packed_len(&self) -> usize {
        self.len.next_multiple_of(PANEL)
    }

    /// The values lie as in the map, pixel by pixel, without pad lanes. The filter has them channel by channel.
    fn pack(&self, maps: &TiSlice<MapId, Map>, filter: &Filter, data: &mut Vec<f32>) -> PackedLayer {
        let (offset, map) = (data.len(), &maps[self.dst]);
        let pixels = map.h * map.w;
        data.extend((0..self.len).map(|at| filter.weight[at % map.c * pixels + at / map.c]));
        data.resize(offset + self.packed_len(), 0.0);
        PackedLayer::Constant(offset)
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "constant"
    }

    /// Returns no calls, since it is never computed row by row.
    fn calls(&self, _site: &mut Site<'_>, _rows: &RowGroup<'_>) -> Vec<Step> {
        Vec::new()
    }
}
