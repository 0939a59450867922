//! The tiles of a map, transformed.

use sartor_kernels::runtime::Level;
use sartor_models::{Padding, Window};
use sartor_ops::Winograd;
use typed_index_collections::TiSlice;

use crate::ir::isa;
use crate::ir::stage::{Pointer, Step};
use crate::layout::{Map, MapId, PANEL, Place};
use crate::lower::spec::Spec;
use crate::lower::winograd;
use crate::ops::line::{self, Each};
use crate::ops::operator::{Operator, Way};
use crate::ops::site::{RowGroup, Site};

/// Makes a pixel of each tile of a map. It holds the elements of the transformed tile one after another, each with the lanes of all
/// panels.
#[derive(Clone, Debug)]
pub struct IntoTiles {
    /// The size of the tiles.
    pub form: Winograd,
    /// What is read.
    pub src: MapId,
    /// The first panel that is read.
    pub first: usize,
    /// How many are.
    pub panels: usize,
    /// What is written.
    pub dst: MapId,
    /// The padding of the convolution, of rows and of columns.
    pub padding: (Padding, Padding),
}

impl Operator for IntoTiles {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn window(&self) -> Window {
        let (m, n) = (self.form.outputs(), self.form.inputs());
        Window { kernel: (n, n), stride: (m, m), dilation: (1, 1), padding: self.padding }
    }

    fn line(&self, _maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::IntoTiles(self.form), self.panels * PANEL), self.window())
    }

    fn words(&self) -> Vec<String> {
        vec![Each::IntoTiles(self.form).word()]
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "into_tiles"
    }

    fn rows_of_a_call(&self, _src: Place, _dst: &Map, _level: Level) -> Option<usize> {
        Some(1)
    }

    /// About two additions an element, which are stored.
    fn cycles(&self, dst: &Map, way: &Way) -> f64 {
        let vectors = self.panels * PANEL / isa::of(way.level).lanes;
        (2 * self.form.elements() * vectors * dst.h * dst.w) as f64
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let (src, dst) = (&site.maps[self.src], &site.maps[self.dst]);
        let spec = winograd::IntoTiles {
            form: self.form,
            panels: self.panels,
            present: rows.present,
            pad: self.padding.1.before,
            iw: src.w,
            tiles: dst.w,
            src_pitch: site.pitch(self.src),
            dst_pitch: site.pitch(self.dst),
        };
        let source = |row: usize| {
            let Pointer { region, offset } = site.row(self.src, rows.source(row));
            Pointer { region, offset: offset.plus(self.first * PANEL) }
        };
        let mut args: Vec<Pointer> = (rows.present.0..rows.present.1).map(source).collect();
        args.push(site.row(self.dst, rows.first.clone()));
        vec![site.call(rows.layer, &Spec::IntoTiles(spec), args, rows.problem)]
    }
}
