//! Transforms the tiles of a map, one row of tiles at a time. Neighbouring tiles overlap by two columns, and rows of tiles by two
//! rows. What a tile has beyond the map is zero, and is left out of its sums.

use std::ops::Range;

use sartor_kernels::runtime::Level;
use sartor_ops::Winograd;

use super::transform::{Term, Transform};
use crate::ir::kernel::{Access, Buf, Builder, Index, Kernel};
use crate::ir::name::KernelName;
use crate::layout::PANEL;
use crate::lower::epilogue::number_of;
use crate::lower::family::Family;

/// A kernel for a row of tiles. Each tile becomes a pixel, which holds the elements of the transformed tile one after another, each with all
/// lanes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IntoTiles {
    /// The size of the tiles.
    pub form: Winograd,
    /// Groups of 16 lanes.
    pub panels: usize,
    /// The rows of the tiles that meet the map: first and first beyond.
    pub present: (usize, usize),
    /// Columns of padding on the left.
    pub pad: usize,
    /// Columns of the source.
    pub iw: usize,
    /// Tiles.
    pub tiles: usize,
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
    /// f32 from tile to tile of the destination.
    pub dst_pitch: usize,
}

/// Tiles in a row that meet the map with the same columns.
struct TileRun {
    start: usize,
    count: usize,
    columns: Range<usize>,
}

impl IntoTiles {
    /// The columns of a tile that meet the map.
    fn columns(&self, tile: usize) -> Range<usize> {
        let first = tile * self.form.outputs();
        let end = (self.iw + self.pad).saturating_sub(first).min(self.form.inputs());
        self.pad.saturating_sub(first).min(end)..end
    }

    fn runs(&self) -> Vec<TileRun> {
        let mut runs: Vec<TileRun> = Vec::new();
        for tile in 0..self.tiles {
            let columns = self.columns(tile);
            match runs.last_mut() {
                Some(last) if last.columns == columns => last.count += 1,
                _ => runs.push(TileRun { start: tile, count: 1, columns }),
            }
        }
        runs
    }

    /// The kernel. Buffers: `src<row>` for each row that is present, then `dst`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = self.panels * PANEL;
        let row_len = (self.iw - 1) * self.src_pitch + lanes;
        let src: Vec<Buf> =
            (self.present.0..self.present.1).map(|row| b.buffer(format!("src{row}"), row_len, Access::Read)).collect();
        let dst = b.buffer("dst", (self.tiles - 1) * self.dst_pitch + self.form.elements() * lanes, Access::Write);
        let vectors = lanes / b.lanes();
        for run in self.runs() {
            b.repeat("x", run.count, |b, x| {
                b.repeat("c", vectors, |b, c| self.tile(b, (&src, dst), &run, (x, c)));
            });
        }
        b.finish()
    }

    /// A vector of lanes of a tile.
    fn tile(&self, b: &mut Builder, (src, dst): (&[Buf], Buf), run: &TileRun, (x, c): (Index, Index)) {
        let (m, n) = (self.form.outputs(), self.form.inputs());
        let (rows, columns) = (number_of(src.len(), "row"), number_of(run.columns.len(), "column"));
        b.comment(format!("Transforms {rows} and {columns} of the map."));
        let width = b.lanes();
        let mut square: Vec<Vec<Term>> = vec![vec![None; n]; n];
        for row in self.present.0..self.present.1 {
            for column in run.columns.clone() {
                let at = src[row - self.present.0].at((run.start * m + column - self.pad) * self.src_pitch);
                let at = at.plus(x, m * self.src_pitch).plus(c, width);
                square[row][column] = Some(b.load(format!("d{row}_{column}"), at));
            }
        }
        let elements = Transform::new(b, "t").both_ways(&self.form.source(), &square, (n, n)).concat();
        let zero = elements.contains(&None).then(|| b.splat("zero", 0.0));
        for (element, term) in elements.into_iter().enumerate() {
            let at = dst.at(run.start * self.dst_pitch + element * self.panels * PANEL).plus(x, self.dst_pitch).plus(c, width);
            if let Some(reg) = term.or(zero) {
                b.store(at, reg);
            }
        }
    }
}

impl Family for IntoTiles {
    fn name(&self, level: Level) -> KernelName {
        KernelName::new(&format!("intotiles{}", self.form.outputs()), level)
            .field("rows", self.present.1 - self.present.0)
            .field("ow", self.tiles)
            .field("c", self.panels * PANEL)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        let Self { src_pitch, dst_pitch, present, iw, pad, .. } = *self;
        vec![("sp", src_pitch), ("dp", dst_pitch), ("top", present.0), ("iw", iw), ("pad", pad)]
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
