//! 1x1 convolution: a matrix product of pixels and packed weights, computed in register tiles.

use sartor_kernels::runtime::Level;

use super::epilogue::{Cell, Epilogue, Stored, clear, number_of};
use super::family::Family;
use super::tile::{self, Block, Column, Run, Tile};
use crate::ir::kernel::{Access, Address, Buf, Builder, Index, Kernel, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;

/// Consecutive input lanes that a panel of weights meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// First lane.
    pub lane: usize,
    /// How many.
    pub len: usize,
}

/// A 1x1 convolution of `m` pixels: `dst[p][n] = epilogue(bias[n] + Σ src[p][k] · wei[k][n])`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pointwise {
    /// Pixels.
    pub m: usize,
    /// Input lanes, in the order of the packed taps.
    pub segments: Vec<Segment>,
    /// Panels of output lanes.
    pub panels: usize,
    /// How many lanes at the end of the last panel hold no channel, in whole vectors. They are set to zero, and not computed.
    pub idle: usize,
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
    /// f32 from pixel to pixel of the destination.
    pub dst_pitch: usize,
    /// What is done with the sums.
    pub epilogue: Epilogue,
    /// How many f32 of weights that are needed later are fetched into the L2 cache, a cache line at a time between the
    /// multiply-adds; 0 if none are.
    pub ahead: usize,
    /// The tile that was asked for, if any.
    pub tile: Option<Tile>,
}

impl Pointwise {
    /// Input lanes.
    pub fn k(&self) -> usize {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// How many f32 one panel of weights has: bias and taps.
    pub fn panel_len(&self) -> usize {
        PANEL * (1 + self.k())
    }

    /// The tiles.
    pub fn blocks(&self, level: Level) -> Vec<Block> {
        let blocks = tile::cut(level, self.m, self.panels, self.k(), self.tile);
        tile::end_apart(level, self.m, blocks, self.epilogue.last_lanes.is_some(), self.idle)
    }

    /// Lowers the convolution to a kernel's instructions.
    ///
    /// Its buffers are `src`, `wei` (the weights) and `dst`, then `res` if there is a shortcut, then `next` if the weights of the next
    /// call are prefetched. `src`, `dst` and `res` point at lane 0 of the first pixel.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let reach = self.segments.iter().map(|segment| segment.lane + segment.len).max().unwrap_or(0);
        let src = b.buffer("src", (self.m - 1) * self.src_pitch + reach, Access::Read);
        let wei = b.buffer("wei", self.panels * self.panel_len(), Access::Read);
        let dst = b.buffer("dst", (self.m - 1) * self.dst_pitch + self.panels * PANEL, Access::Write);
        let res = self.epilogue.shortcut.map(|pitch| b.buffer("res", (self.m - 1) * pitch + self.panels * PANEL, Access::Read));
        let next = (self.ahead > 0).then(|| b.buffer("next", self.ahead, Access::Read));
        let buffers = Buffers { src, wei, dst, res };
        for block in self.blocks(level) {
            b.repeat("n", block.panels.count, |b, n| {
                let tiles = tile::even(self.m, block.rows);
                let count = tiles.iter().map(|run| run.count).sum();
                let mut first = 0;
                for rows in tiles {
                    b.repeat("m", rows.count, |b, m| {
                        let ahead = next.and_then(|next| self.ahead_of(next, block.panels, first, count, n, m));
                        self.tile(b, &buffers, block.panels, rows, (n, m), ahead.as_ref());
                    });
                    first += rows.count;
                }
                let (live, _) = tile::vectors(level, block.panels, self.panels, self.idle);
                let columns = live.into_iter().map(|(panel, lane)| {
                    let at = dst.at((block.panels.start + panel) * PANEL + lane).plus(n, block.panels.size * PANEL);
                    Stored { at, keep: self.epilogue.kept(b.lanes(), lane, tile::is_last(block.panels, panel, self.panels)) }
                });
                self.epilogue.finish_stored(b, &columns.collect::<Vec<_>>(), self.m, self.dst_pitch);
            });
        }
        b.finish()
    }

    /// Whether there are so few tiles that each can fetch a part of `ahead` f32.
    pub fn can_fetch(&self, level: Level, ahead: usize) -> bool {
        self.blocks(level).iter().all(|block| {
            let tiles: usize = tile::even(self.m, block.rows).iter().map(|run| run.count).sum();
            ahead * block.panels.size / self.panels >= tiles
        })
    }

    /// The part of `next` that a tile fetches: as large a part of it as the tile is of all tiles.
    fn ahead_of(&self, next: Buf, panels: Run, first: usize, tiles: usize, n: Index, m: Index) -> Option<Ahead> {
        let share = self.ahead * panels.size / self.panels;
        let chunk = share / tiles;
        let lines = chunk.div_ceil(LINE);
        let each = lines.div_ceil(self.k());
        let times = lines.checked_div(each)?;
        let every = if self.segments.len() == 1 { (self.k() / times).clamp(1, MOST_STEPS) } else { 1 };
        let at = next.at(self.ahead * panels.start / self.panels + first * chunk).plus(n, share).plus(m, chunk);
        Some(Ahead { at, before: lines % each, each, times, every })
    }

    fn tile(&self, b: &mut Builder, buffers: &Buffers, panels: Run, rows: Run, (n, m): (Index, Index), ahead: Option<&Ahead>) {
        let (columns, idle) = tile::vectors(b.level(), panels, self.panels, self.idle);
        let vectors = columns.len();
        let wei = |v: usize, tap: usize| {
            let (panel, lane) = columns[v];
            let offset = (panels.start + panel) * self.panel_len() + tap * PANEL + lane;
            buffers.wei.at(offset).plus(n, panels.size * self.panel_len())
        };
        let place = |buffer: Buf, pitch: usize, r: usize, (panel, lane): Column| -> Address {
            let offset = (rows.start + r) * pitch + (panels.start + panel) * PANEL + lane;
            buffer.at(offset).plus(n, panels.size * PANEL).plus(m, rows.size * pitch)
        };
        let (pixels, lanes) = (number_of(rows.size, "pixel"), number_of(vectors * b.lanes(), "lane"));
        b.comment(format!("A tile of {pixels} by {lanes}: sums that begin at the bias."));
        let bias = tile::load(b, "b", &columns, |v| wei(v, 0));
        let acc = b.array("sum", [rows.size, vectors], |[_, v]| Value::Copy(bias[v])).concat();
        // One step: the taps of one input lane, which is some lanes behind `lane` for each index.
        let step = |b: &mut Builder, lane: usize, tap: usize, behind: [(Index, usize); 2]| {
            let moved = |at: Address, pitch: usize| behind.iter().fold(at, |at, &(index, lanes)| at.plus(index, lanes * pitch));
            let w = tile::load(b, "w", &columns, |v| moved(wei(v, tap), PANEL));
            for r in 0..rows.size {
                let at = buffers.src.at((rows.start + r) * self.src_pitch + lane);
                let a = b.set_new("a", Value::Broadcast(moved(at.plus(m, rows.size * self.src_pitch), 1)));
                for (v, &w) in w.iter().enumerate() {
                    b.fma(acc[r * vectors + v], a, w);
                }
            }
        };
        let (mut tap, mut fetched) = (1, 0);
        if let Some(ahead) = ahead {
            (0..ahead.before).for_each(|line| b.prefetch(ahead.at.clone().offset(line * LINE)));
        }
        for &Segment { lane, len } in &self.segments {
            let from = if lane == 0 { String::new() } else { format!(" from lane {lane}") };
            let meanwhile = if ahead.is_some() { ", while weights for later are fetched" } else { "" };
            b.comment(format!("Adds the products of {}{from}{meanwhile}.", number_of(len, "input lane")));
            // A tile that is higher than usual has no registers left for the loads of several steps at once.
            let every = ahead.filter(|_| idle.is_empty()).map_or(1, |ahead| ahead.every);
            let times = ahead.map_or(0, |ahead| (ahead.times - fetched).min(len / every));
            b.repeat("k", times, |b, k| {
                if let Some(ahead) = ahead {
                    for line in 0..ahead.each {
                        let line = ahead.before + fetched * ahead.each + line;
                        b.prefetch(ahead.at.clone().offset(line * LINE).plus(k, ahead.each * LINE));
                    }
                }
                b.repeat("s", every, |b, s| step(b, lane, tap, [(k, every), (s, 1)]));
            });
            let done = times * every;
            b.repeat("k", len - done, |b, k| step(b, lane + done, tap + done, [(k, 1), (Index::Zero, 0)]));
            (tap, fetched) = (tap + len, fetched + times);
        }
        let mut cells = Vec::with_capacity(acc.len());
        for r in 0..rows.size {
            for v in 0..vectors {
                let (panel, lane) = columns[v];
                cells.push(Cell {
                    reg: acc[r * vectors + v],
                    dst: place(buffers.dst, self.dst_pitch, r, columns[v]),
                    shortcut: buffers.res.map(|res| place(res, self.epilogue.shortcut.unwrap_or(0), r, columns[v])),
                    keep: self.epilogue.kept(b.lanes(), lane, tile::is_last(panels, panel, self.panels)),
                });
            }
        }
        self.epilogue.comment(b, !idle.is_empty());
        self.epilogue.finish(b, &cells);
        let idle = &idle;
        let cleared = (0..rows.size).flat_map(|r| idle.iter().map(move |&at| (r, at)));
        clear(b, cleared.map(|(r, at)| place(buffers.dst, self.dst_pitch, r, at)));
    }
}

impl Family for Pointwise {
    fn name(&self, level: Level) -> KernelName {
        let block = &self.blocks(level)[0];
        KernelName::new("pointwise", level)
            .tile(&[block.rows, block.panels.size * PANEL])
            .field("m", self.m)
            .field("k", self.k())
            .field("n", self.panels * PANEL - self.idle)
            .words(&self.epilogue.words())
    }

    fn details(&self, level: Level) -> Vec<(&'static str, usize)> {
        let mut details = vec![("sp", self.src_pitch), ("dp", self.dst_pitch)];
        details.extend(self.epilogue.details());
        details.push(("ahead", self.ahead));
        details.extend(details_of_tiles(&self.segments, &self.blocks(level)));
        details
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}

/// The runs of input lanes, and the tiles after the first: the fields that the name of a kernel needs if its other fields do not
/// distinguish it.
pub fn details_of_tiles(segments: &[Segment], blocks: &[Block]) -> Vec<(&'static str, usize)> {
    let segments = segments.iter().flat_map(|segment| [("lane", segment.lane), ("len", segment.len)]);
    let blocks = blocks.iter().skip(1).flat_map(|block| [("panels", block.panels.size), ("pixels", block.rows)]);
    segments.chain(blocks).collect()
}

struct Buffers {
    src: Buf,
    wei: Buf,
    dst: Buf,
    res: Option<Buf>,
}

/// The cache lines that a tile fetches: `before` lines at once, and then, `times` times, `each` lines before every `every` steps.
struct Ahead {
    at: Address,
    before: usize,
    each: usize,
    times: usize,
    every: usize,
}

/// How many f32 a cache line has.
const LINE: usize = 16;

/// The largest number of steps between two fetches. More would only make the loop's body longer.
const MOST_STEPS: usize = 4;

/// Splits a list of lanes into segments: runs of consecutive lanes, in order.
pub fn segments(lanes: &[usize]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for &lane in lanes {
        match segments.last_mut() {
            Some(segment) if segment.lane + segment.len == lane => segment.len += 1,
            _ => segments.push(Segment { lane, len: 1 }),
        }
    }
    segments
}
