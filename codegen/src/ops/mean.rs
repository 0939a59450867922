//! Mean over the map, to a 1x1 map.

use sartor_models::{Padding, Window};
use typed_index_collections::TiSlice;

use super::line::{self, Each};
use super::operator::Operator;
use super::site::{RowGroup, Site};
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place};

/// Mean over the map. It has a stage of its own, which is split along images and panels.
#[derive(Clone, Debug)]
pub struct Mean {
    /// What is read.
    pub src: MapId,
    /// A 1x1 map with the same lanes.
    pub dst: MapId,
}

impl Operator for Mean {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        let src = &maps[self.src];
        (line::Operator::Each(Each::Mean, src.c), Window::new((src.h, src.w), (1, 1), Padding::around(0)))
    }

    fn words(&self) -> Vec<String> {
        vec!["mean".into()]
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "mean"
    }

    /// Returns no calls, since a mean is never computed row by row.
    fn calls(&self, _site: &mut Site<'_>, _rows: &RowGroup<'_>) -> Vec<Step> {
        Vec::new()
    }
}
