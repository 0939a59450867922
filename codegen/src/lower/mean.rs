//! The mean of each lane over pixels: global average pooling.

use sartor_kernels::runtime::Level;
use sartor_ops::Parameter;

use super::epilogue::number_of;
use super::family::Family;
use crate::ir::kernel::{Access, Binary, Builder, Index, Kernel, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;

/// The largest number of running sums of a lane. Several of them hide the latency of an addition.
const CHAINS: usize = 4;

/// The largest number of panels whose sums fit the registers of every level.
const WIDEST: usize = 6;

/// `dst[c] = factor · Σ src[p][c]` over `pixels`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mean {
    /// How many pixels are summed.
    pub pixels: usize,
    /// Groups of 16 lanes.
    pub panels: usize,
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
    /// The sum is multiplied by this.
    pub factor: Parameter,
}

impl Mean {
    /// Whether a map is read in one walk, from its first f32 to its last. Wider maps are walked through once for each panel.
    pub fn is_one_walk(panels: usize, src_pitch: usize) -> bool {
        panels <= WIDEST && src_pitch == panels * PANEL
    }

    /// The kernel. Buffers: `src`, `dst`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = self.panels * PANEL;
        let src = b.buffer("src", (self.pixels - 1) * self.src_pitch + lanes, Access::Read);
        let dst = b.buffer("dst", lanes, Access::Write);
        let together = if Self::is_one_walk(self.panels, self.src_pitch) { self.panels } else { 1 };
        let columns = (0..together * PANEL).step_by(b.lanes());
        let chains = (WIDEST / together).clamp(1, CHAINS).min(self.pixels);
        let (rounds, rest) = ((self.pixels - chains) / chains, (self.pixels - chains) % chains);
        // All lanes of a panel are summed together. A second walk over the map would not find its cache lines any more.
        b.repeat("c", self.panels / together, |b, c| {
            let at = |pixel: usize, lane: usize| src.at(pixel * self.src_pitch + lane).plus(c, together * PANEL);
            b.comment(format!("Sums of {} lanes, {} each, of which none waits for another.", together * PANEL, chains));
            let mut sums = Vec::new();
            for chain in 0..chains {
                for (v, lane) in columns.clone().enumerate() {
                    sums.push(b.load(format!("s{chain}_{v}"), at(chain, lane)));
                }
            }
            let add = |b: &mut Builder, chain: usize, pixel: usize, p: Index| {
                for (v, lane) in columns.clone().enumerate() {
                    let a = b.load("a", at(pixel, lane).plus(p, chains * self.src_pitch));
                    b.update(Binary::Add, sums[chain * columns.len() + v], a);
                }
            };
            b.comment(format!("Adds {}.", number_of(self.pixels - chains, "pixel")));
            b.repeat("p", rounds, |b, p| (0..chains).for_each(|chain| add(b, chain, chains + chain, p)));
            (0..rest).for_each(|chain| add(b, chain, chains * (1 + rounds) + chain, Index::Zero));
            b.comment("Adds the sums of a lane, and stores the factor times that.");
            let factor = b.splat("factor", self.factor.value());
            for (v, lane) in columns.clone().enumerate() {
                for chain in 1..chains {
                    b.update(Binary::Add, sums[v], sums[chain * columns.len() + v]);
                }
                b.set(sums[v], Value::Binary(Binary::Mul, sums[v], factor));
                b.store(dst.at(lane).plus(c, together * PANEL), sums[v]);
            }
        });
        b.finish()
    }
}

impl Family for Mean {
    fn name(&self, level: Level) -> KernelName {
        KernelName::new("mean", level).field("m", self.pixels).field("c", self.panels * PANEL)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        vec![("sp", self.src_pitch)]
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
