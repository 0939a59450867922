//! Sum of two maps.

use sartor_models::{Activation, Window};
use typed_index_collections::TiSlice;

use super::elementwise::Elementwise;
use super::line::{self, Each};
use super::operator::Operator;
use super::site::{RowGroup, Site};
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place};
use crate::lower::eltwise::Kind;

/// `act(a + b)`, where the sum was not fused into a convolution. `b` may have fewer lanes than `a`.
#[derive(Clone, Debug)]
pub struct Add {
    /// First term.
    pub a: MapId,
    /// Second term.
    pub b: MapId,
    /// Applied last.
    pub act: Option<Activation>,
    /// What is written.
    pub dst: MapId,
}

impl Operator for Add {
    fn sources(&self) -> Vec<MapId> {
        vec![self.a, self.b]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::Add, maps[self.a].c), Window::POINT)
    }

    fn words(&self) -> Vec<String> {
        std::iter::once("add".into()).chain(self.act.map(|act| act.to_string())).collect()
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "add"
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let kind = Kind::Add { panels: site.panels(self.b), pitch: site.pitch(self.b) };
        let other = site.row(self.b, rows.first.clone());
        Elementwise { kind, src: self.a, other: Some(other), dst: self.dst, act: self.act }.calls(site, rows)
    }
}
