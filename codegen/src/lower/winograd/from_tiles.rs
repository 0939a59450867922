//! Transforms a row of tiles of products to rows of outputs, and finishes these as any convolution does.

use sartor_kernels::runtime::Level;
use sartor_ops::Winograd;

use super::transform::{Term, Transform};
use crate::ir::kernel::{Access, Binary, Buf, Builder, Index, Kernel, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;
use crate::lower::epilogue::{Cell, Epilogue, Stored, number_of};
use crate::lower::family::Family;

/// A kernel for a row of tiles. The source holds the elements of a tile one after another, each with all lanes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FromTiles {
    /// The size of the tiles.
    pub form: Winograd,
    /// Groups of 16 lanes.
    pub panels: usize,
    /// The rows of outputs that exist: the last tiles may reach beyond the map.
    pub rows: usize,
    /// Columns of outputs that exist.
    pub ow: usize,
    /// f32 from tile to tile of the source.
    pub src_pitch: usize,
    /// f32 from pixel to pixel of the destination.
    pub dst_pitch: usize,
    /// What is done with the sums.
    pub epilogue: Epilogue,
}

struct Buffers {
    src: Buf,
    bias: Buf,
    dst: Vec<Buf>,
    res: Vec<Buf>,
}

/// Tiles with this many columns of outputs.
struct TileRun {
    start: usize,
    count: usize,
    columns: usize,
}

/// Panels that are computed alike. The last is apart if its pad lanes are to be cleared.
struct PanelRun {
    start: usize,
    count: usize,
    is_last: bool,
}

impl FromTiles {
    fn tiles(&self) -> Vec<TileRun> {
        let m = self.form.outputs();
        let (whole, rest) = (self.ow / m, self.ow % m);
        let runs = [TileRun { start: 0, count: whole, columns: m }, TileRun { start: whole, count: 1, columns: rest }];
        runs.into_iter().filter(|run| run.count * run.columns > 0).collect()
    }

    fn panel_runs(&self) -> Vec<PanelRun> {
        let apart = usize::from(self.epilogue.last_lanes.is_some());
        let alike = PanelRun { start: 0, count: self.panels - apart, is_last: false };
        let last = PanelRun { start: self.panels - apart, count: apart, is_last: true };
        [alike, last].into_iter().filter(|run| run.count > 0).collect()
    }

    /// The kernel. Buffers: `src`, `bias`, `dst<row>` for each row, then `res<row>` if there is a shortcut.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = self.panels * PANEL;
        let tiles = self.ow.div_ceil(self.form.outputs());
        let src = b.buffer("src", (tiles - 1) * self.src_pitch + self.form.elements() * lanes, Access::Read);
        let bias = b.buffer("bias", lanes, Access::Read);
        let row_len = |pitch: usize| (self.ow - 1) * pitch + lanes;
        let dst = (0..self.rows).map(|row| b.buffer(format!("dst{row}"), row_len(self.dst_pitch), Access::Write)).collect();
        let res = match self.epilogue.shortcut {
            Some(pitch) => (0..self.rows).map(|row| b.buffer(format!("res{row}"), row_len(pitch), Access::Read)).collect(),
            None => Vec::new(),
        };
        let buffers = Buffers { src, bias, dst, res };
        let (width, per_panel) = (b.lanes(), PANEL / b.lanes());
        for run in self.tiles() {
            b.repeat("x", run.count, |b, x| {
                for panels in self.panel_runs() {
                    // All vectors of the panels that are computed alike are one loop.
                    let (count, parts) = if panels.is_last { (1, per_panel) } else { (panels.count * per_panel, 1) };
                    for part in 0..parts {
                        b.repeat("c", count, |b, c| {
                            let lane = panels.start * PANEL + part * width;
                            self.tile(b, &buffers, &run, (lane, panels.is_last), (x, c));
                        });
                    }
                }
            });
        }
        self.finish_late(&mut b, &buffers);
        b.finish()
    }

    /// Applies what follows once all is stored.
    fn finish_late(&self, b: &mut Builder, buffers: &Buffers) {
        if !self.epilogue.is_late() {
            return;
        }
        let (width, per_panel) = (b.lanes(), PANEL / b.lanes());
        for panels in self.panel_runs() {
            b.repeat("c", panels.count, |b, c| {
                for &dst in &buffers.dst {
                    let stored = |part: usize| Stored {
                        at: dst.at(panels.start * PANEL + part * width).plus(c, PANEL),
                        keep: self.epilogue.kept(width, part * width, panels.is_last),
                    };
                    let first: Vec<Stored> = (0..per_panel).map(stored).collect();
                    self.epilogue.finish_stored(b, &first, self.ow, self.dst_pitch);
                }
            });
        }
    }

    /// A vector of lanes of a tile, from a lane on.
    fn tile(&self, b: &mut Builder, buffers: &Buffers, run: &TileRun, (lane, is_last): (usize, bool), (x, c): (Index, Index)) {
        let (m, n) = (self.form.outputs(), self.form.inputs());
        let width = b.lanes();
        b.comment(format!("Transforms a tile to {} by {}.", number_of(self.rows, "row"), number_of(run.columns, "column")));
        let matrix = self.form.result();
        // Outputs beyond the map need not all elements.
        let needed = |at: usize, outputs: usize| matrix[..outputs].iter().any(|row| row[at] != 0.0);
        let mut square: Vec<Vec<Term>> = Vec::with_capacity(n);
        for row in 0..n {
            let load = |b: &mut Builder, column: usize| {
                if !needed(row, self.rows) || !needed(column, run.columns) {
                    return None;
                }
                let at = buffers.src.at(run.start * self.src_pitch + (row * n + column) * self.panels * PANEL + lane);
                Some(b.load(format!("p{row}_{column}"), at.plus(x, self.src_pitch).plus(c, width)))
            };
            square.push((0..n).map(|column| load(b, column)).collect());
        }
        let sums = Transform::new(b, "t").both_ways(&matrix, &square, (self.rows, run.columns));
        let bias = b.load("b", buffers.bias.at(lane).plus(c, width));
        let mut cells = Vec::with_capacity(m * m);
        for (row, sums) in sums.into_iter().enumerate() {
            for (column, sum) in sums.into_iter().enumerate().filter_map(|(column, sum)| Some((column, sum?))) {
                let reg = b.set_new(format!("out{row}_{column}"), Value::Binary(Binary::Add, sum, bias));
                let at = |buffer: Buf, pitch: usize| {
                    buffer.at((run.start * m + column) * pitch + lane).plus(x, m * pitch).plus(c, width)
                };
                cells.push(Cell {
                    reg,
                    dst: at(buffers.dst[row], self.dst_pitch),
                    shortcut: self.epilogue.shortcut.map(|pitch| at(buffers.res[row], pitch)),
                    keep: self.epilogue.kept(width, lane % PANEL, is_last),
                });
            }
        }
        self.epilogue.comment(b, false);
        self.epilogue.finish(b, &cells);
    }
}

impl Family for FromTiles {
    fn name(&self, level: Level) -> KernelName {
        KernelName::new(&format!("fromtiles{}", self.form.outputs()), level)
            .field("rows", self.rows)
            .field("ow", self.ow)
            .field("c", self.panels * PANEL)
            .words(&self.epilogue.words())
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        let mut details = vec![("sp", self.src_pitch), ("dp", self.dst_pitch)];
        details.extend(self.epilogue.details());
        details
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
