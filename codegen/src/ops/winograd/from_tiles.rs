//! Tiles of products, transformed to outputs.

use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Window};
use sartor_ops::Winograd;
use typed_index_collections::TiSlice;

use crate::ir::isa;
use crate::ir::stage::{Pointer, Region, Step};
use crate::layout::{Map, MapId, PANEL, Place, padded};
use crate::lower::epilogue::{self, Epilogue};
use crate::lower::spec::Spec;
use crate::lower::winograd;
use crate::ops::filter::Filter;
use crate::ops::line::{self, Each};
use crate::ops::operator::{Operator, Role, Way};
use crate::ops::packed::PackedLayer;
use crate::ops::site::{RowGroup, Site};

/// Makes the outputs of a convolution from its products: `post_act(act(result + bias) + shortcut)`. Each pixel of the source
/// holds the elements of a tile one after another, each with the lanes of all panels.
#[derive(Clone, Debug)]
pub struct FromTiles {
    /// The size of the tiles.
    pub form: Winograd,
    /// What is read.
    pub src: MapId,
    /// What is written.
    pub dst: MapId,
    /// The first lane that is written: a multiple of 16.
    pub dst_lane: usize,
    /// Output channels.
    pub oc: usize,
    /// Applied before the shortcut is added.
    pub act: Option<Activation>,
    /// A map whose lanes are added to those of the destination: as many panels as all its lanes have.
    pub shortcut: Option<MapId>,
    /// Applied after the shortcut is added. `None` without a shortcut.
    pub post_act: Option<Activation>,
}

impl FromTiles {
    fn epilogue(&self, site: &Site<'_>) -> Epilogue {
        let lifts = [self.act, self.post_act].into_iter().flatten().any(|act| !act.keeps_zero());
        Epilogue {
            act: self.act,
            last_lanes: (lifts && !self.oc.is_multiple_of(PANEL)).then_some(self.oc % PANEL),
            blend: false,
            shortcut: self.shortcut.map(|map| site.pitch(map)),
            post_act: self.post_act,
        }
    }
}

impl Operator for FromTiles {
    fn sources(&self) -> Vec<MapId> {
        std::iter::once(self.src).chain(self.shortcut).collect()
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn enlarges(&self) -> usize {
        self.form.outputs()
    }

    fn role(&self) -> Role {
        Role::Closing
    }

    fn line(&self, _maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::FromTiles(self.form), self.oc), Window::POINT)
    }

    fn words(&self) -> Vec<String> {
        let mut words = vec![Each::FromTiles(self.form).word()];
        words.extend(epilogue::words(self.act, false, self.shortcut.is_some(), self.post_act));
        words
    }

    fn packed_len(&self) -> usize {
        padded(self.oc)
    }

    fn pack(&self, _maps: &TiSlice<MapId, Map>, filter: &Filter, data: &mut Vec<f32>) -> PackedLayer {
        let offset = data.len();
        data.extend(&filter.bias);
        data.resize(offset + padded(self.oc), 0.0);
        PackedLayer::Bias(offset)
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "from_tiles"
    }

    fn rows_of_a_call(&self, _src: Place, _dst: &Map, _level: Level) -> Option<usize> {
        Some(self.form.outputs())
    }

    /// About two additions for each element that is loaded, and one for each output.
    fn cycles(&self, dst: &Map, way: &Way) -> f64 {
        let m = self.form.outputs();
        let tiles = dst.h.div_ceil(m) * dst.w.div_ceil(m);
        let vectors = padded(self.oc) / isa::of(way.level).lanes;
        ((2 * self.form.elements() + m * m) * tiles * vectors) as f64
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let PackedLayer::Bias(bias) = site.packed.layers[rows.layer] else { return Vec::new() };
        let spec = winograd::FromTiles {
            form: self.form,
            panels: padded(self.oc) / PANEL,
            rows: rows.count,
            ow: site.maps[self.dst].w,
            src_pitch: site.pitch(self.src),
            dst_pitch: site.pitch(self.dst),
            epilogue: self.epilogue(site),
        };
        let each_row = |map: MapId, lane: usize| {
            let row = move |row: usize| (map, lane, row);
            (0..rows.count).map(row)
        };
        let pointer = |(map, lane, row): (MapId, usize, usize)| {
            let Pointer { region, offset } = site.row(map, rows.first.clone().plus(row));
            Pointer { region, offset: offset.plus(lane) }
        };
        let mut args = vec![site.row(self.src, rows.source(0)), Pointer { region: Region::Weights, offset: bias.into() }];
        args.extend(each_row(self.dst, self.dst_lane).map(pointer));
        args.extend(self.shortcut.into_iter().flat_map(|map| each_row(map, self.dst_lane)).map(pointer));
        vec![site.call(rows.layer, &Spec::FromTiles(spec), args, rows.problem)]
    }
}
