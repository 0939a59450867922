//! Product with a gate.

use sartor_models::{Activation, Window};
use typed_index_collections::TiSlice;

use super::elementwise::Elementwise;
use super::line::{self, Each};
use super::operator::Operator;
use super::site::{RowGroup, Site};
use crate::ir::stage::{Int, Step};
use crate::layout::{Map, MapId, Place};
use crate::lower::eltwise::Kind;

/// `act(src * gate)`.
#[derive(Clone, Debug)]
pub struct Scale {
    /// What is scaled.
    pub src: MapId,
    /// A 1x1 map with the same lanes.
    pub gate: MapId,
    /// Applied last.
    pub act: Option<Activation>,
    /// What is written.
    pub dst: MapId,
}

impl Operator for Scale {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src, self.gate]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::Scale, maps[self.src].c), Window::POINT)
    }

    fn words(&self) -> Vec<String> {
        std::iter::once("scale".into()).chain(self.act.map(|act| act.to_string())).collect()
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "scale"
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let gate = site.row(self.gate, Int::Const(0));
        Elementwise { kind: Kind::Scale, src: self.src, other: Some(gate), dst: self.dst, act: self.act }.calls(site, rows)
    }
}
