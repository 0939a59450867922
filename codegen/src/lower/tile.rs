//! Splits a block of pixels by panels into register tiles.

use sartor_kernels::runtime::Level;
use serde::{Deserialize, Serialize};

use crate::ir::isa;
use crate::ir::kernel::{Address, Builder, Reg, Value};
use crate::layout::PANEL;

/// A register tile that was asked for, in place of the one with the least estimated cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tile {
    /// Panels of 16 output lanes.
    pub panels: usize,
    /// The largest number of pixels.
    pub pixels: usize,
}

/// Tiles of equal shape in a row: `count` tiles of `size`, the first at `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Where the first begins.
    pub start: usize,
    /// Extent of each.
    pub size: usize,
    /// How many.
    pub count: usize,
}

/// Splits `total` into the fewest tiles of at most `largest`. Their sizes are as even as they can be, larger ones first.
pub fn even(total: usize, largest: usize) -> Vec<Run> {
    let tiles = total.div_ceil(largest);
    let (small, longer) = (total / tiles, total % tiles);
    let large = Run { start: 0, size: small + 1, count: longer };
    let rest = Run { start: longer * (small + 1), size: small, count: tiles - longer };
    [large, rest].into_iter().filter(|run| run.count > 0).collect()
}

/// How a run of panels is split into tiles: how many panels each tile has, and how many rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// Tiles along the panels; `size` is in panels.
    pub panels: Run,
    /// The largest number of pixels of a tile.
    pub rows: usize,
}

/// The largest number of pixels of a tile of `panels` panels that stays in registers, beside its weights and a broadcast. On
/// levels with 32 registers, one is kept free.
pub fn most_rows(level: Level, panels: usize) -> usize {
    let isa = isa::of(level);
    let vectors = panels * PANEL / isa.lanes;
    let free = isa.registers - usize::from(isa.registers == 32);
    free.saturating_sub(vectors + 1) / vectors
}

/// Splits `panels` panels for `m` pixels and `k` taps into as many of the tiles asked for as there is room for. The rest is split
/// so that the estimated time is least. The rest is everything if no tile was asked for, or if it does not fit the level's
/// registers.
pub fn cut(level: Level, m: usize, panels: usize, k: usize, asked: Option<Tile>) -> Vec<Block> {
    let fits = |tile: &Tile| tile.panels > 0 && (1..=most_rows(level, tile.panels)).contains(&tile.pixels);
    let Some(tile) = asked.filter(fits).filter(|tile| tile.panels <= panels) else { return choose(level, m, panels, k) };
    let run = Run { start: 0, size: tile.panels, count: panels / tile.panels };
    let rest = choose(level, m, panels % tile.panels, k)
        .into_iter()
        .map(|block| Block { panels: Run { start: run.size * run.count + block.panels.start, ..block.panels }, ..block });
    std::iter::once(Block { panels: run, rows: tile.pixels.min(m) }).chain(rest).collect()
}

/// Splits `panels` panels for `m` pixels and `k` taps so that the estimated time is least.
pub fn choose(level: Level, m: usize, panels: usize, k: usize) -> Vec<Block> {
    let widths: Vec<usize> = (1..=4).filter(|&width| most_rows(level, width) > 0).collect();
    // best[n] is the least cost of n panels, and the width of the last tile.
    let mut best = vec![(0.0f64, 0usize)];
    for n in 1..=panels {
        let options = widths.iter().filter(|&&width| width <= n);
        let costs = options.map(|&width| (best[n - width].0 + column_cost(level, m, width, k), width));
        best.push(costs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 1)));
    }
    let mut sizes = Vec::new();
    let mut rest = panels;
    while rest > 0 {
        sizes.push(best[rest].1);
        rest -= best[rest].1;
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let mut blocks: Vec<Block> = Vec::new();
    let mut start = 0;
    for size in sizes {
        match blocks.last_mut() {
            Some(block) if block.panels.size == size => block.panels.count += 1,
            _ => blocks.push(Block { panels: Run { start, size, count: 1 }, rows: most_rows(level, size).min(m) }),
        }
        start += size;
    }
    blocks
}

/// What the cost model says of tiles of one width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The largest number of pixels of a tile.
    pub rows: usize,
    /// Panels of a tile.
    pub panels: usize,
    /// Rough number of cycles, if all panels are in such tiles.
    pub cycles: f64,
}

/// The widths that [`choose`] compares, the best first.
pub fn estimates(level: Level, m: usize, panels: usize, k: usize) -> Vec<Estimate> {
    let widths = (1..=4).filter(|&width| width <= panels && most_rows(level, width) > 0);
    let estimate = |width: usize| Estimate {
        rows: most_rows(level, width).min(m),
        panels: width,
        cycles: column_cost(level, m, width, k) * panels as f64 / width as f64,
    };
    let mut estimates: Vec<Estimate> = widths.map(estimate).collect();
    estimates.sort_by(|a, b| a.cycles.total_cmp(&b.cycles));
    estimates
}

/// Separates the last tile of panels from those of equal width before it, if its last lanes are treated differently: they are
/// `cleared`, or `idle` of them are not computed. A tile with idle lanes has room for more of the `m` pixels.
#[must_use]
pub fn end_apart(level: Level, m: usize, blocks: Vec<Block>, cleared: bool, idle: usize) -> Vec<Block> {
    let mut blocks = if cleared || idle > 0 { last_apart(blocks) } else { blocks };
    if let Some(last) = blocks.last_mut().filter(|_| idle > 0) {
        let isa = isa::of(level);
        let vectors = (last.panels.size * PANEL - idle).div_ceil(isa.lanes);
        // Some registers are kept free, even if there are only 16: a tile as high as this has more broadcasts in flight.
        last.rows = ((isa.registers - FREE - vectors) / vectors).min(m);
    }
    blocks
}

/// Registers that a tile with idle lanes keeps free beside its sums and weights.
const FREE: usize = 3;

fn last_apart(mut blocks: Vec<Block>) -> Vec<Block> {
    if let Some(block) = blocks.last_mut().filter(|block| block.panels.count > 1) {
        block.panels.count -= 1;
        let Run { start, size, count } = block.panels;
        let last = Block { panels: Run { start: start + size * count, size, count: 1 }, rows: block.rows };
        blocks.push(last);
    }
    blocks
}

/// A vector of a tile: its panel, counted from the tile's first, and its first lane there.
pub type Column = (usize, usize);

/// The vectors of a tile in the run `tile`, among `panels` panels, in two lists: those that are computed, and those that are not
/// because they lie in the last `idle` lanes of all.
pub fn vectors(level: Level, tile: Run, panels: usize, idle: usize) -> (Vec<Column>, Vec<Column>) {
    let lanes = isa::of(level).lanes;
    let all = (0..tile.size * PANEL / lanes).map(|v| (v * lanes / PANEL, v * lanes % PANEL));
    all.partition(|&(panel, lane)| !is_last(tile, panel, panels) || lane + idle < PANEL)
}

/// Loads a vector for each column of a tile. The vectors of a panel are an array, and those of all panels are if each has one.
pub fn load(b: &mut Builder, name: &str, columns: &[Column], at: impl Fn(usize) -> Address) -> Vec<Reg> {
    let panels: Vec<&[Column]> = match b.lanes() {
        PANEL => vec![columns],
        _ => columns.chunk_by(|a, b| a.0 == b.0).collect(),
    };
    let mut loaded = Vec::with_capacity(columns.len());
    for (index, panel) in panels.iter().enumerate() {
        let name = if panels.len() == 1 { name.to_string() } else { format!("{name}{index}") };
        let first = loaded.len();
        loaded.extend(b.array(&name, [1, panel.len()], |[_, v]| Value::Load(at(first + v))).concat());
    }
    loaded
}

/// Whether a panel of a tile is the last of `panels`.
pub fn is_last(tile: Run, panel: usize, panels: usize) -> bool {
    tile.count == 1 && tile.start + panel + 1 == panels
}

/// Rough number of cycles for `m` pixels in blocks, with `k` taps.
pub fn cost(level: Level, m: usize, k: usize, blocks: &[Block]) -> f64 {
    blocks.iter().map(|block| block.panels.count as f64 * tiles_cost(level, m, block.panels.size, block.rows, k)).sum()
}

/// Rough number of cycles for all tiles of `m` pixels by `panels` panels, at two multiply-adds, two loads and four operations a
/// cycle.
fn column_cost(level: Level, m: usize, panels: usize, k: usize) -> f64 {
    tiles_cost(level, m, panels, most_rows(level, panels).min(m), k)
}

fn tiles_cost(level: Level, m: usize, panels: usize, rows: usize, k: usize) -> f64 {
    let vectors = (panels * PANEL / isa::of(level).lanes) as f64;
    let tile = |run: &Run| {
        let rows = run.size as f64;
        let fmas = rows * vectors;
        let step = (fmas / 2.0).max((rows + vectors) / 2.0).max((fmas + rows + vectors + 2.0) / 4.0).max(4.0);
        run.count as f64 * (step * k as f64 + fmas + 12.0)
    };
    even(m, rows).iter().map(tile).sum()
}
