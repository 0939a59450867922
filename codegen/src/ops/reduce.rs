//! Reduction of a map's pixels to one.

use sartor_models::{Padding, Reduction, Window};
use typed_index_collections::TiSlice;

use super::line::{self, Each};
use super::operator::{Operator, Role};
use super::site::{RowGroup, Site};
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place};

/// Reduction of each lane's pixels. It has a stage of its own, which is split along images and panels.
#[derive(Clone, Debug)]
pub struct Reduce {
    /// What is read.
    pub src: MapId,
    /// A 1x1 map with the same lanes.
    pub dst: MapId,
    /// What the pixels are reduced to.
    pub reduction: Reduction,
}

impl Operator for Reduce {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn role(&self) -> Role {
        Role::Alone
    }

    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        let src = &maps[self.src];
        (line::Operator::Each(Each::Reduce(self.reduction), src.c), Window::new((src.h, src.w), (1, 1), Padding::NONE))
    }

    fn words(&self) -> Vec<String> {
        vec![self.reduction.word().into()]
    }

    fn prefix(&self, _src: Place) -> &'static str {
        self.reduction.word()
    }

    /// Returns no calls, since a reduction is never computed row by row.
    fn calls(&self, _site: &mut Site<'_>, _rows: &RowGroup<'_>) -> Vec<Step> {
        Vec::new()
    }
}
