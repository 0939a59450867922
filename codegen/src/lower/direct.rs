//! Convolution with a window over all channels: the first convolution of a network, and every dense convolution that is not 1x1. A call computes an
//! output row, or a few narrow ones together, so that each weight meets enough pixels.

use sartor_kernels::runtime::Level;
use sartor_ops::{Axis, Padding};

use super::epilogue::{Cell, Epilogue, Stored, clear, number_of};
use super::family::Family;
use super::pointwise::Segment;
use super::pointwise::details_of_tiles;
use super::tile::{self, Block, Column, Tile};
use super::window::{ColumnRun, columns, dilated};
use crate::ir::kernel::{Access, Buf, Builder, Index, Kernel, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;

/// How the source lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The user's NCHW images, whose channels are `plane` f32 apart.
    Planar {
        /// Pixels of a channel.
        plane: usize,
    },
    /// A map, whose pixels are `pitch` f32 apart.
    Pitched {
        /// f32 from pixel to pixel.
        pitch: usize,
    },
}

impl Source {
    /// f32 from column to column and from channel to channel.
    const fn strides(self) -> (usize, usize) {
        match self {
            Source::Planar { plane } => (1, plane),
            Source::Pitched { pitch } => (pitch, 1),
        }
    }
}

/// A kernel for a few output rows of a convolution. Packed taps are in the order `[ic][kh][kw]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Direct {
    /// Kernel height and width.
    pub kernel: (usize, usize),
    /// Output rows of a call, one after another in the destination.
    pub rows: usize,
    /// Vertical stride. It matters where there are several rows.
    pub down: usize,
    /// The rows `first..last` of the source that meet the map, counted from the first row of the first window. Those above and below are padding.
    pub present: (usize, usize),
    /// Horizontal stride.
    pub stride: usize,
    /// Source columns from one tap to the next.
    pub dilation: usize,
    /// Columns of padding on the left.
    pub pad: usize,
    /// Columns of the source.
    pub iw: usize,
    /// Columns of the destination.
    pub ow: usize,
    /// How the source lies in memory.
    pub source: Source,
    /// Input channels or lanes, in the order of the packed taps.
    pub segments: Vec<Segment>,
    /// Panels of output lanes.
    pub panels: usize,
    /// How many lanes at the end of the last panel hold no channel, in whole vectors. They are set to zero, and not computed.
    pub idle: usize,
    /// f32 from pixel to pixel of the destination.
    pub dst_pitch: usize,
    /// What is done with the sums.
    pub epilogue: Epilogue,
    /// The tile that was asked for, if any.
    pub tile: Option<Tile>,
}

impl Direct {
    /// How many taps one output has: `ic * kh * kw`.
    pub fn k(&self) -> usize {
        self.kernel.0 * self.kernel.1 * self.segments.iter().map(|segment| segment.len).sum::<usize>()
    }

    /// The window's columns. What lies behind the last column of the source is never counted.
    fn across(&self) -> Axis {
        let padding = Padding { before: self.pad, after: 0 };
        Axis { kernel: self.kernel.1, stride: self.stride, dilation: self.dilation, padding }
    }

    /// Whether row `kh` of the window of an output row of the call meets the map.
    fn is_present(&self, row: usize, kh: usize) -> bool {
        (self.present.0..self.present.1).contains(&(row * self.down + kh))
    }

    /// How many f32 one panel of weights has: bias and taps.
    pub fn panel_len(&self) -> usize {
        PANEL * (1 + self.k())
    }

    /// The tiles.
    pub fn blocks(&self, level: Level) -> Vec<Block> {
        let pixels = self.rows * self.ow;
        let blocks = tile::cut(level, pixels, self.panels, self.k(), self.tile);
        tile::end_apart(level, pixels, blocks, self.epilogue.last_lanes.is_some(), self.idle)
    }

    /// The kernel.
    ///
    /// Buffers: `src<row>` for each source row that is present, `wei`, `dst` and, with a shortcut, `res`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let (column, channel) = self.source.strides();
        let reach = self.segments.iter().map(|segment| segment.lane + segment.len - 1).max().unwrap_or(0);
        let row_len = (self.iw - 1) * column + reach * channel + 1;
        let src: Vec<Buf> =
            (self.present.0..self.present.1).map(|row| b.buffer(format!("src{row}"), row_len, Access::Read)).collect();
        let wei = b.buffer("wei", self.panels * self.panel_len(), Access::Read);
        let pixels = self.rows * self.ow;
        let dst = b.buffer("dst", (pixels - 1) * self.dst_pitch + self.panels * PANEL, Access::Write);
        let res = self.epilogue.shortcut.map(|pitch| b.buffer("res", (pixels - 1) * pitch + self.panels * PANEL, Access::Read));
        let buffers = Buffers { src, wei, dst, res };
        for block in self.blocks(level) {
            let columns: Vec<ColumnRun> = columns(self.ow, (block.rows / self.rows).max(1), self.iw, self.across())
                .into_iter()
                .flat_map(|run| run.halves(self.kernel.1))
                .collect();
            b.repeat("n", block.panels.count, |b, n| {
                for run in &columns {
                    b.repeat("x", run.count, |b, x| self.tile(b, &buffers, &block, run, (n, x)));
                }
                let (live, _) = tile::vectors(level, block.panels, self.panels, self.idle);
                let columns = live.into_iter().map(|(panel, lane)| {
                    let at = dst.at((block.panels.start + panel) * PANEL + lane).plus(n, block.panels.size * PANEL);
                    let is_last = tile::is_last(block.panels, panel, self.panels);
                    Stored { at, keep: self.epilogue.kept(b.lanes(), lane, is_last) }
                });
                self.epilogue.finish_stored(b, &columns.collect::<Vec<_>>(), pixels, self.dst_pitch);
            });
        }
        b.finish()
    }

    fn tile(&self, b: &mut Builder, buffers: &Buffers, block: &Block, run: &ColumnRun, (n, x): (Index, Index)) {
        let &Buffers { ref src, wei, dst, res } = buffers;
        let (column, channel) = self.source.strides();
        let lanes = b.lanes();
        let (live, idle) = tile::vectors(b.level(), block.panels, self.panels, self.idle);
        let vectors = live.len();
        let wei = |v: usize, tap: usize| {
            let (panel, lane) = live[v];
            wei.at((block.panels.start + panel) * self.panel_len() + tap * PANEL + lane)
                .plus(n, block.panels.size * self.panel_len())
        };
        let (columns, lanes_of) = (number_of(run.size, "column"), number_of(vectors * lanes, "lane"));
        let of_rows = if self.rows == 1 { String::new() } else { format!(" of {} rows", self.rows) };
        b.comment(format!("A tile of {columns}{of_rows} by {lanes_of}: sums that begin at the bias."));
        let bias = tile::load(b, "b", &live, |v| wei(v, 0));
        // The tile's pixels, row by row.
        let pixels: Vec<(usize, usize)> = (0..self.rows).flat_map(|row| (0..run.size).map(move |r| (row, r))).collect();
        let acc = b.array("sum", [pixels.len(), vectors], |[_, v]| Value::Copy(bias[v])).concat();
        let window = self.kernel.0 * self.kernel.1;
        let mut ic = 0;
        for segment in &self.segments {
            let taken = (0..self.kernel.0).filter(|&kh| (0..self.rows).any(|row| self.is_present(row, kh))).count();
            let rows = number_of(taken, "row");
            b.comment(format!("Adds the products of {}, {rows} of the window each.", number_of(segment.len, "input channel")));
            b.repeat("c", segment.len, |b, c| {
                for kh in 0..self.kernel.0 {
                    for kw in 0..self.kernel.1 {
                        let meets =
                            pixels.iter().enumerate().filter(|&(_, &(row, r))| self.is_present(row, kh) && run.meets(r, kw));
                        let meets: Vec<(usize, (usize, usize))> = meets.map(|(pixel, &place)| (pixel, place)).collect();
                        if meets.is_empty() {
                            continue;
                        }
                        b.reload();
                        let tap = 1 + ic * window + kh * self.kernel.1 + kw;
                        let w = tile::load(b, "w", &live, |v| wei(v, tap).plus(c, PANEL * window));
                        for (pixel, (row, r)) in meets {
                            let at = self.across().input(run.start + r, kw);
                            let at = src[row * self.down + kh - self.present.0].at(at * column + segment.lane * channel);
                            let at = at.plus(x, run.size * self.stride * column).plus(c, channel);
                            let a = b.set_new("a", Value::Broadcast(at));
                            for (v, &w) in w.iter().enumerate() {
                                b.fma(acc[pixel * vectors + v], a, w);
                            }
                        }
                    }
                }
            });
            ic += segment.len;
        }
        let at = |buffer: Buf, pitch: usize, (row, r): (usize, usize), (panel, lane): Column| {
            let pixel = row * self.ow + run.start + r;
            let address = buffer.at(pixel * pitch + (block.panels.start + panel) * PANEL + lane);
            address.plus(n, block.panels.size * PANEL).plus(x, run.size * pitch)
        };
        let mut cells = Vec::with_capacity(acc.len());
        for (pixel, &place) in pixels.iter().enumerate() {
            for v in 0..vectors {
                let (panel, lane) = live[v];
                cells.push(Cell {
                    reg: acc[pixel * vectors + v],
                    dst: at(dst, self.dst_pitch, place, live[v]),
                    shortcut: res.map(|res| at(res, self.epilogue.shortcut.unwrap_or(0), place, live[v])),
                    keep: self.epilogue.kept(lanes, lane, tile::is_last(block.panels, panel, self.panels)),
                });
            }
        }
        self.epilogue.comment(b, !idle.is_empty());
        self.epilogue.finish(b, &cells);
        let idle = &idle;
        let cleared = pixels.iter().flat_map(|&place| idle.iter().map(move |&column| (place, column)));
        clear(b, cleared.map(|(place, column)| at(dst, self.dst_pitch, place, column)));
    }
}

/// The kernel's parameters.
struct Buffers {
    /// The source's rows.
    src: Vec<Buf>,
    wei: Buf,
    dst: Buf,
    res: Option<Buf>,
}

impl Family for Direct {
    fn name(&self, level: Level) -> KernelName {
        let block = &self.blocks(level)[0];
        let (kh, kw) = self.kernel;
        KernelName::new(&format!("direct{kh}x{kw}s{}{}", self.stride, dilated((1, self.dilation))), level)
            .tile(&[block.rows, block.panels.size * PANEL])
            .field("rows", self.present.1 - self.present.0)
            .field("ow", self.ow)
            .field("k", self.k())
            .field("n", self.panels * PANEL - self.idle)
            .words(&self.epilogue.words())
    }

    fn details(&self, level: Level) -> Vec<(&'static str, usize)> {
        let source = match self.source {
            Source::Planar { plane } => ("plane", plane),
            Source::Pitched { pitch } => ("sp", pitch),
        };
        let mut details = vec![
            source,
            ("dp", self.dst_pitch),
            ("group", self.rows),
            ("down", self.down),
            ("top", self.present.0),
            ("iw", self.iw),
            ("pad", self.pad),
        ];
        details.extend(self.epilogue.details());
        details.extend(details_of_tiles(&self.segments, &self.blocks(level)));
        details
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
