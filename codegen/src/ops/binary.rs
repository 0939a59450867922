//! Arithmetic on two maps.

use sartor_models::{Activation, Window};
use sartor_models::{Arithmetic, Spread};
use typed_index_collections::TiSlice;

use super::elementwise::Elementwise;
use super::line::{self, Each};
use super::operator::Operator;
use super::site::{RowGroup, Site};
use crate::ir::stage::{Int, Step};
use crate::layout::{Map, MapId, Place};
use crate::lower::eltwise::Kind;

/// `act(a op b)`. Sums of whole maps are [`Add`](super::Add).
#[derive(Clone, Debug)]
pub struct Binary {
    /// The operation.
    pub op: Arithmetic,
    /// How the second map meets the first.
    pub spread: Spread,
    /// First operand.
    pub a: MapId,
    /// Second operand. If it has as many channels as the first, they are in the same lanes.
    pub b: MapId,
    /// Applied last.
    pub act: Option<Activation>,
    /// What is written.
    pub dst: MapId,
}

impl Binary {
    /// Its word in problem lines, in keys of tunings and in names of kernels.
    pub fn word(&self) -> String {
        Each::Binary(self.op, self.spread).word()
    }
}

impl Operator for Binary {
    fn sources(&self) -> Vec<MapId> {
        vec![self.a, self.b]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::Binary(self.op, self.spread), maps[self.a].c), Window::POINT)
    }

    fn words(&self) -> Vec<String> {
        std::iter::once(self.word()).chain(self.act.map(|act| act.to_string())).collect()
    }

    fn prefix(&self, _src: Place) -> &'static str {
        if (self.op, self.spread) == (Arithmetic::Mul, Spread::Gate) { "scale" } else { self.op.word() }
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let one_pixel = matches!(self.spread, Spread::Gate | Spread::One);
        let first = if one_pixel { Int::Const(0) } else { rows.first.clone() };
        let pitch = if one_pixel { 0 } else { site.pitch(self.b) };
        let kind = Kind::Binary { op: self.op, spread: self.spread, pitch };
        let other = site.row(self.b, first);
        Elementwise { kind, src: self.a, other: Some(other), dst: self.dst, act: self.act }.calls(site, rows)
    }
}
