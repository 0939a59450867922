//! An activation that was not fused into another layer.

use sartor_models::{Activation, Window};
use typed_index_collections::TiSlice;

use super::elementwise::Elementwise;
use super::line::{self, Each};
use super::operator::Operator;
use super::site::{RowGroup, Site};
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place};
use crate::lower::eltwise::Kind;

/// `act(src)`.
#[derive(Clone, Debug)]
pub struct Activate {
    /// What is read.
    pub src: MapId,
    /// The function.
    pub act: Activation,
    /// What is written.
    pub dst: MapId,
}

impl Operator for Activate {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::Activation(self.act), maps[self.src].c), Window::POINT)
    }

    fn words(&self) -> Vec<String> {
        vec![self.act.to_string()]
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "activation"
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        Elementwise { kind: Kind::Copy, src: self.src, other: None, dst: self.dst, act: Some(self.act) }.calls(site, rows)
    }
}
