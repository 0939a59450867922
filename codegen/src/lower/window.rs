//! Operators that slide a window over each lane by itself: depthwise convolution, max and average pooling. A call computes a
//! group of output rows. Where a window hangs over the border, the kernel is made without its taps there, so nothing is checked
//! at run time.

use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Padding};
use sartor_ops::Axis;

use super::epilogue::{Cell, Epilogue, Stored, number_of};
use super::family::Family;
use super::tile::even;
use crate::ir::isa;
use crate::ir::kernel::{Access, Address, Binary, Buf, Builder, Index, Kernel, Reg, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;

/// What is done with a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A convolution, with weights `[panel][bias, kh * kw]` of 16 lanes each.
    Depthwise,
    /// The largest value. Padding is never the largest; a NaN is.
    Max,
    /// The mean over the taps that lie in the map or in the padding that counts.
    Average,
}

/// A group of output rows of a windowed operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// What is done.
    pub kind: Kind,
    /// Groups of 16 lanes.
    pub panels: usize,
    /// Window height and width.
    pub kernel: (usize, usize),
    /// Vertical and horizontal stride.
    pub stride: (usize, usize),
    /// Source rows and columns from one tap to the next.
    pub dilation: (usize, usize),
    /// Columns of padding on the left.
    pub pad: usize,
    /// Columns of the source.
    pub iw: usize,
    /// Columns of the destination.
    pub ow: usize,
    /// Output rows of the group.
    pub rows: usize,
    /// The source rows `first..last` that exist. They are counted from the first row of the group's first window.
    pub present: (usize, usize),
    /// The padding of the rows and of the columns that an average counts as zeros.
    pub counted: (Padding, Padding),
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
    /// f32 from pixel to pixel of the destination.
    pub dst_pitch: usize,
    /// Applied last.
    pub act: Option<Activation>,
    /// The largest number of columns of a tile, if fewer were asked for than the registers hold.
    pub columns: Option<usize>,
}

/// Tiles of output columns that are equal and leave out the same taps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRun {
    /// First output column of the first tile.
    pub start: usize,
    /// Columns of a tile.
    pub size: usize,
    /// Tiles.
    pub count: usize,
    /// `taps[r]`: for the tile's column `r`, the window columns `first..last` that meet the map.
    pub taps: Vec<(usize, usize)>,
}

impl ColumnRun {
    /// Whether window column `kw` of the tile's column `r` meets the map.
    pub fn meets(&self, r: usize, kw: usize) -> bool {
        (self.taps[r].0..self.taps[r].1).contains(&kw)
    }
}

impl ColumnRun {
    /// The tiles. Those that leave out taps are split into two halves: if every column has taps of its own, the compiler holds
    /// too many values at once.
    pub fn halves(self, kw: usize) -> Vec<Self> {
        let clipped = self.taps.iter().any(|&taps| taps != (0, kw));
        if !clipped || self.size == 1 || self.count > 1 {
            return vec![self];
        }
        let (left, right) = self.taps.split_at(self.size / 2);
        let half = |start: usize, taps: &[_]| Self { start, size: taps.len(), count: 1, taps: taps.to_vec() };
        vec![half(self.start, left), half(self.start + left.len(), right)]
    }
}

/// Splits `ow` output columns into tiles of at most `largest`. Tiles at the border leave out taps, and are runs of their own.
pub fn columns(ow: usize, largest: usize, iw: usize, axis: Axis) -> Vec<ColumnRun> {
    let taps = |x: usize| {
        let taps = axis.taps(x, iw);
        (taps.start, taps.end)
    };
    let mut runs: Vec<ColumnRun> = Vec::new();
    for run in even(ow, largest) {
        for tile in 0..run.count {
            let start = run.start + tile * run.size;
            let taps: Vec<_> = (start..start + run.size).map(taps).collect();
            match runs.last_mut() {
                Some(last) if last.size == run.size && last.taps == taps => last.count += 1,
                _ => runs.push(ColumnRun { start, size: run.size, count: 1, taps }),
            }
        }
    }
    runs
}

/// The tap with which output `o` reads the input at `at`, counted from the first input of output 0, padding included.
fn tap(axis: Axis, o: usize, at: usize) -> Option<usize> {
    let distance = at.checked_sub(o * axis.stride)?;
    (distance.is_multiple_of(axis.dilation) && distance / axis.dilation < axis.kernel).then_some(distance / axis.dilation)
}

/// The inputs from the first that `outputs` outputs read to the last, both included.
pub fn reached(axis: Axis, outputs: usize) -> usize {
    (outputs - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
}

/// About how many of them are read.
pub fn spanned(axis: Axis, outputs: usize) -> usize {
    reached(axis, outputs).min(outputs * axis.kernel)
}

/// What a kernel's name says of a dilated window.
pub fn dilated(dilation: (usize, usize)) -> String {
    match dilation {
        (1, 1) => String::new(),
        (down, across) => format!("d{down}x{across}"),
    }
}

/// Whether all taps of a window fit in registers beside the accumulators.
fn keeps_weights(level: Level, taps: usize) -> bool {
    taps + 12 < isa::of(level).registers
}

impl Window {
    /// Taps of one output.
    pub fn taps(&self) -> usize {
        self.kernel.0 * self.kernel.1
    }

    /// The window's rows, counted from the first row of the group's first window.
    fn down(&self) -> Axis {
        Axis { kernel: self.kernel.0, stride: self.stride.0, dilation: self.dilation.0, padding: Padding::both(0) }
    }

    /// The window's columns.
    fn across(&self) -> Axis {
        let padding = Padding { before: self.pad, after: self.counted.1.after };
        Axis { kernel: self.kernel.1, stride: self.stride.1, dilation: self.dilation.1, padding }
    }

    /// The present source rows that any output of the group reads, counted as in `present`.
    pub fn source_rows(&self) -> Vec<usize> {
        let reads = |row: &usize| (0..self.rows).any(|i| tap(self.down(), i, *row).is_some());
        (self.present.0..self.present.1).filter(reads).collect()
    }

    /// f32 of one panel of depthwise weights: bias and taps.
    pub fn panel_len(&self) -> usize {
        PANEL * (1 + self.taps())
    }

    /// The largest number of columns of a tile.
    pub(crate) fn widest(&self, level: Level) -> usize {
        let fit = self.fit(level);
        self.columns.map_or(fit, |columns| columns.clamp(1, fit))
    }

    /// The largest number of columns of a tile that stays in registers.
    fn fit(&self, level: Level) -> usize {
        let isa = isa::of(level);
        let free = isa.registers - usize::from(isa.registers == 32);
        let fixed = match self.kind {
            Kind::Depthwise if keeps_weights(level, self.taps()) => self.taps() + 2,
            // Registers for one row of sources and one weight.
            Kind::Depthwise => {
                let fits = |size: &usize| size * self.rows + spanned(self.across(), *size) + 2 <= free;
                return (1..=8).rev().find(fits).unwrap_or(1);
            }
            _ => 2,
        };
        (free.saturating_sub(fixed) / self.rows).clamp(1, 8)
    }

    /// The kernel.
    ///
    /// Buffers: `src<row>` for each of its [`source_rows`](Self::source_rows), `wei` for a depthwise convolution, `dst<row>` for each output row.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = self.panels * PANEL;
        let row_len = (self.iw - 1) * self.src_pitch + lanes;
        let src: Vec<(usize, Buf)> =
            self.source_rows().into_iter().map(|row| (row, b.buffer(format!("src{row}"), row_len, Access::Read))).collect();
        let wei = (self.kind == Kind::Depthwise).then(|| b.buffer("wei", self.panels * self.panel_len(), Access::Read));
        let dst_len = (self.ow - 1) * self.dst_pitch + lanes;
        let dst: Vec<Buf> = (0..self.rows).map(|row| b.buffer(format!("dst{row}"), dst_len, Access::Write)).collect();
        let buffers = Buffers { src, wei, dst };
        let columns = columns(self.ow, self.widest(level), self.iw, self.across());
        let keeps = self.kind == Kind::Depthwise && keeps_weights(level, self.taps());
        b.repeat("c", self.panels, |b, c| {
            let halves = PANEL / b.lanes();
            if keeps {
                b.repeat("v", halves, |b, v| {
                    let bias = buffers.weight(self, 0, c, v, b.lanes()).map(|at| b.load("bias", at));
                    let weights = self.weights(b, &buffers, &columns, c, v);
                    for run in &columns {
                        b.repeat("x", run.count, |b, x| self.tile(b, &buffers, run, bias, &weights, Here { c, v, x }));
                    }
                });
            } else {
                // All lanes of a tile are computed before the next tile. For a second walk along the row, their cache lines may
                // not be in L1 any more.
                for run in &columns {
                    b.repeat("x", run.count, |b, x| {
                        b.repeat("v", halves, |b, v| {
                            let bias = buffers.weight(self, 0, c, v, b.lanes()).map(|at| b.load("bias", at));
                            self.tile(b, &buffers, run, bias, &[], Here { c, v, x });
                        });
                    });
                }
            }
            if self.epilogue().is_late() {
                b.repeat("v", halves, |b, v| {
                    for dst in &buffers.dst {
                        let first = Stored { at: dst.at(0).plus(c, PANEL).plus(v, b.lanes()), keep: None };
                        self.epilogue().finish_stored(b, &[first], self.ow, self.dst_pitch);
                    }
                });
            }
        });
        b.finish()
    }

    fn epilogue(&self) -> Epilogue {
        match self.kind {
            Kind::Depthwise => Epilogue { act: self.act, ..Epilogue::default() },
            Kind::Max | Kind::Average => Epilogue { post_act: self.act, ..Epilogue::default() },
        }
    }

    /// Loads all weights of a vector of lanes that any output uses.
    fn weights(&self, b: &mut Builder, buffers: &Buffers, columns: &[ColumnRun], c: Index, v: Index) -> Vec<Option<Reg>> {
        let at = |tap: usize| buffers.weight(self, 1 + tap, c, v, b.lanes());
        let met = (0..self.taps()).filter(|tap| self.meets(columns, tap / self.kernel.1, tap % self.kernel.1));
        let (taps, places): (Vec<usize>, Vec<Address>) = met.filter_map(|tap| Some((tap, at(tap)?))).unzip();
        let loaded = b.array("w", [1, taps.len()], |[_, index]| Value::Load(places[index].clone())).concat();
        let mut weights = vec![None; self.taps()];
        taps.into_iter().zip(loaded).for_each(|(tap, reg)| weights[tap] = Some(reg));
        weights
    }

    /// Computes one vector of lanes of a tile of pixels.
    fn tile(&self, b: &mut Builder, buffers: &Buffers, run: &ColumnRun, bias: Option<Reg>, weights: &[Option<Reg>], here: Here) {
        let lanes = b.lanes();
        let (rows, columns) = (number_of(self.rows, "row"), number_of(run.size, "column"));
        let start = match self.kind {
            Kind::Depthwise => "sums that begin at the bias",
            Kind::Max => "the largest values so far",
            Kind::Average => "sums that begin at zero",
        };
        let Here { c, v, x } = here;
        b.comment(format!("A tile of {rows} by {columns}, {lanes} lanes: {start}."));
        let acc = self.start(b, run, bias);
        if self.kind == Kind::Depthwise && weights.is_empty() {
            b.comment("Loads each row of the source once, and each weight once for all outputs that it meets there.");
            let wei = |tap: usize| buffers.weight(self, tap, c, v, lanes);
            self.by_rows(b, buffers, run, &acc, &wei, here);
        } else {
            b.comment("Loads each pixel of the source once, for all outputs that read it.");
            self.by_pixels(b, buffers, run, &acc, weights, here);
        }
        if self.kind == Kind::Average {
            self.divide(b, run, &acc);
        }
        let at = |row: usize, r: usize| {
            let at = buffers.dst[row].at((run.start + r) * self.dst_pitch);
            at.plus(c, PANEL).plus(v, lanes).plus(x, run.size * self.dst_pitch)
        };
        self.epilogue().comment(b, false);
        let places = (0..self.rows).flat_map(|row| (0..run.size).map(move |r| (row, r)));
        let cell = |(row, r): (usize, usize)| Cell { reg: acc[row][r], dst: at(row, r), shortcut: None, keep: None };
        self.epilogue().finish(b, &places.map(cell).collect::<Vec<_>>());
    }

    /// Divides sums by how many taps count.
    fn divide(&self, b: &mut Builder, run: &ColumnRun, acc: &[Vec<Reg>]) {
        let rows = self.present.0.saturating_sub(self.counted.0.before)..self.present.1 + self.counted.0.after;
        let (across, width) = self.across().counting(self.counted.1, self.iw);
        let count = |i: usize, r: usize| {
            let down = (0..self.kernel.0).filter(|&kh| rows.contains(&self.down().input(i, kh))).count();
            down * across.taps(run.start + r, width).len()
        };
        let mut sums: Vec<(usize, Vec<Reg>)> = Vec::new();
        for (i, acc) in acc.iter().enumerate() {
            for (r, &sum) in acc.iter().enumerate() {
                match sums.iter_mut().find(|(of, _)| *of == count(i, r)) {
                    Some((_, alike)) => alike.push(sum),
                    None => sums.push((count(i, r), vec![sum])),
                }
            }
        }
        for (count, sums) in sums {
            let factor = b.splat("factor", 1.0 / count as f32);
            sums.into_iter().for_each(|sum| b.update(Binary::Mul, sum, factor));
        }
    }

    /// Whether any output of the group uses a weight.
    fn meets(&self, columns: &[ColumnRun], kh: usize, kw: usize) -> bool {
        let row = (0..self.rows).any(|i| (self.present.0..self.present.1).contains(&self.down().input(i, kh)));
        row && columns.iter().any(|run| (0..run.size).any(|r| run.meets(r, kw)))
    }

    /// The accumulators `acc[row][r]`. They start at the bias, at minus infinity or at zero.
    fn start(&self, b: &mut Builder, run: &ColumnRun, bias: Option<Reg>) -> Vec<Vec<Reg>> {
        let value = match (self.kind, bias) {
            (Kind::Depthwise, Some(bias)) => Value::Copy(bias),
            (Kind::Max, _) => Value::Splat(f32::NEG_INFINITY),
            _ => Value::Splat(0.0),
        };
        b.array(if self.kind == Kind::Max { "largest" } else { "sum" }, [self.rows, run.size], |_| value.clone())
    }

    fn source(&self, src: Buf, run: &ColumnRun, column: usize, here: Here, lanes: usize) -> Address {
        let Here { c, v, x } = here;
        // `column` counts from the tile's first window. The map begins `pad` columns later.
        let at = (run.start * self.stride.1 + column - self.pad) * self.src_pitch;
        let at = src.at(at).plus(c, PANEL).plus(v, lanes);
        at.plus(x, run.size * self.stride.1 * self.src_pitch)
    }

    /// The outputs of a tile that source pixel (`row`, `column`) contributes to: output row, output column, tap.
    fn readers(&self, run: &ColumnRun, row: usize, column: usize) -> Vec<(usize, usize, usize)> {
        let mut readers = Vec::new();
        for i in 0..self.rows {
            let Some(kh) = tap(self.down(), i, row) else { continue };
            for r in 0..run.size {
                let Some(kw) = tap(self.across(), r, column) else { continue };
                if run.meets(r, kw) {
                    readers.push((i, r, kh * self.kernel.1 + kw));
                }
            }
        }
        readers
    }

    /// Loads each source pixel once and adds it to all outputs that read it. The weights are in registers.
    fn by_pixels(
        &self,
        b: &mut Builder,
        buffers: &Buffers,
        run: &ColumnRun,
        acc: &[Vec<Reg>],
        weights: &[Option<Reg>],
        here: Here,
    ) {
        let lanes = b.lanes();
        for &(row, src) in &buffers.src {
            for column in 0..reached(self.across(), run.size) {
                let readers = self.readers(run, row, column);
                if readers.is_empty() {
                    continue;
                }
                let a = b.load("a", self.source(src, run, column, here, lanes));
                for (i, r, tap) in readers {
                    match (self.kind, weights.get(tap)) {
                        (Kind::Depthwise, Some(&Some(weight))) => b.fma(acc[i][r], a, weight),
                        (Kind::Max, _) => b.update(Binary::Maximum, acc[i][r], a),
                        _ => b.update(Binary::Add, acc[i][r], a),
                    }
                }
            }
        }
    }

    /// Holds one source row of the tile in registers. Loads each weight once for each row that it meets.
    fn by_rows(
        &self,
        b: &mut Builder,
        buffers: &Buffers,
        run: &ColumnRun,
        acc: &[Vec<Reg>],
        wei: &dyn Fn(usize) -> Option<Address>,
        here: Here,
    ) {
        let lanes = b.lanes();
        for &(row, src) in &buffers.src {
            b.reload();
            let width = reached(self.across(), run.size);
            // Columns that nothing reads are padding, on the left or on the right.
            let read: Vec<usize> = (0..width).filter(|&column| !self.readers(run, row, column).is_empty()).collect();
            let source = |column: usize| Value::Load(self.source(src, run, column, here, lanes));
            let loaded = b.array("a", [1, read.len()], |[_, index]| source(read[index])).concat();
            let mut pixels: Vec<Option<Reg>> = vec![None; width];
            read.iter().zip(loaded).for_each(|(&column, reg)| pixels[column] = Some(reg));
            for (i, acc) in acc.iter().enumerate() {
                let Some(kh) = tap(self.down(), i, row) else { continue };
                for kw in 0..self.kernel.1 {
                    let meets: Vec<usize> = (0..run.size).filter(|&r| run.meets(r, kw)).collect();
                    let Some(at) = wei(1 + kh * self.kernel.1 + kw).filter(|_| !meets.is_empty()) else { continue };
                    let w = b.load("w", at);
                    for r in meets {
                        if let Some(a) = pixels[r * self.stride.1 + kw * self.dilation.1] {
                            b.fma(acc[r], a, w);
                        }
                    }
                }
            }
        }
    }
}

impl Family for Window {
    fn name(&self, level: Level) -> KernelName {
        let family = match self.kind {
            Kind::Depthwise => "depthwise",
            Kind::Max => "maxpool",
            Kind::Average => "avgpool",
        };
        let (kh, kw) = self.kernel;
        let words: Vec<String> = self.act.map(|act| act.to_string()).into_iter().collect();
        KernelName::new(&format!("{family}{kh}x{kw}s{}{}", self.stride.0, dilated(self.dilation)), level)
            .tile(&[self.rows, self.widest(level).min(self.ow), PANEL])
            .field("rows", self.present.1 - self.present.0)
            .field("ow", self.ow)
            .field("c", self.panels * PANEL)
            .words(&words)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        vec![
            ("sp", self.src_pitch),
            ("dp", self.dst_pitch),
            ("top", self.present.0),
            ("sw", self.stride.1),
            ("iw", self.iw),
            ("pad", self.pad),
            ("ct", self.counted.0.before),
            ("cb", self.counted.0.after),
            ("cl", self.counted.1.before),
            ("cr", self.counted.1.after),
        ]
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}

/// The place of a tile: its panel, its vector of lanes and its columns.
#[derive(Clone, Copy)]
struct Here {
    c: Index,
    v: Index,
    x: Index,
}

struct Buffers {
    /// The source's rows, with their numbers.
    src: Vec<(usize, Buf)>,
    wei: Option<Buf>,
    dst: Vec<Buf>,
}

impl Buffers {
    /// The address of a depthwise convolution's bias, which is weight 0, or of a tap.
    fn weight(&self, window: &Window, index: usize, c: Index, v: Index, lanes: usize) -> Option<Address> {
        self.wei.map(|wei| wei.at(index * PANEL).plus(c, window.panel_len()).plus(v, lanes))
    }
}
