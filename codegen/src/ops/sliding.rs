//! What depthwise convolution and pooling have in common: a window slides over each lane by itself.

use sartor_models::{Activation, Padding, Window};

use super::operator::Way;
use super::packed::PackedLayer;
use super::site::{RowGroup, Site};
use crate::ir::isa;
use crate::ir::stage::{Pointer, Region, Step};
use crate::layout::{Map, MapId, PANEL, padded};
use crate::lower::spec::Spec;
use crate::lower::tile;
use crate::lower::window::{self, Kind};

/// Output rows of a group, unless they were chosen.
pub const ROWS: usize = 2;

/// An operator that slides a window over each lane.
pub struct Sliding {
    /// What is done with a window.
    pub kind: Kind,
    /// What is read.
    pub src: MapId,
    /// First of the lanes that are read, which is that of a panel.
    pub src_lane: usize,
    /// What is written.
    pub dst: MapId,
    /// First of the lanes that are written, which is that of a panel.
    pub dst_lane: usize,
    /// How many lanes.
    pub c: usize,
    /// The window.
    pub window: Window,
    /// The padding that an average counts.
    pub counted: (Padding, Padding),
    /// Applied last.
    pub act: Option<Activation>,
}

impl Sliding {
    /// The calls that compute a group of rows. Each computes at most as many rows as were chosen, and their numbers are as even
    /// as they can be.
    pub fn calls(&self, site: &mut Site<'_>, group: &RowGroup<'_>) -> Vec<Step> {
        let Window { kernel, stride, dilation, padding } = self.window;
        let (down, _) = self.window.axes();
        let mut steps = Vec::new();
        // One row more in a call costs less than another call for that row.
        let most = group.how.rows.unwrap_or(ROWS + 1).max(1);
        let runs = tile::even(group.count, most).into_iter();
        for (first, rows) in runs.flat_map(|run| (0..run.count).map(move |i| (run.start + i * run.size, run.size))) {
            // The source rows that the windows of this call touch, and those of them that exist.
            let (top, bottom) = (first * stride.0, first * stride.0 + window::reached(down, rows));
            let (begin, end) = (group.present.0.clamp(top, bottom), group.present.1.clamp(top, bottom));
            let spec = window::Window {
                kind: self.kind,
                panels: padded(self.c) / PANEL,
                kernel,
                stride,
                dilation,
                pad: padding.1.before,
                iw: site.maps[self.src].w,
                ow: site.maps[self.dst].w,
                rows,
                present: (begin - top, end - top),
                counted: self.counted,
                src_pitch: site.pitch(self.src),
                dst_pitch: site.pitch(self.dst),
                act: self.act,
                columns: group.how.columns,
            };
            let source = |row: usize| site.row(self.src, group.source(top + row)).plus(self.src_lane);
            let mut args: Vec<Pointer> = spec.source_rows().into_iter().map(source).collect();
            if let PackedLayer::Depthwise(offset) = site.packed.layers[group.layer] {
                args.push(Pointer { region: Region::Weights, offset: offset.into() });
            }
            args.extend((first..first + rows).map(|row| site.row(self.dst, group.first.clone().plus(row)).plus(self.dst_lane)));
            steps.push(site.call(group.layer, &Spec::Window(spec), args, group.problem));
        }
        steps
    }
}

/// Cycles that a window's arithmetic takes for one image, at two multiply-adds and two loads a cycle, and four operations in all.
pub fn cycles(window: Window, dst: &Map, c: usize, way: &Way) -> f64 {
    let (down, across) = window.axes();
    let rows = way.how.rows.unwrap_or(ROWS).clamp(1, dst.h);
    let columns = way.how.columns.unwrap_or(8).min(dst.w);
    let loads = (window::spanned(down, rows) * window::spanned(across, columns)) as f64;
    let outputs = (rows * columns) as f64;
    let fmas = outputs * window.taps() as f64;
    let step = (fmas / 2.0).max(loads / 2.0).max((fmas + loads + 2.0 * outputs) / 4.0);
    step * (padded(c) / isa::of(way.level).lanes) as f64 * (dst.h * dst.w) as f64 / outputs
}
