//! The mean, the sum, the largest or the least of each lane over pixels: global pooling.

use sartor_kernels::runtime::Level;
use sartor_models::Reduction;

use super::epilogue::number_of;
use super::family::Family;
use crate::ir::kernel::{Access, Binary, Builder, Index, Kernel, Reg, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;

/// The largest number of running values of a lane. Several of them hide the latency of an operation.
const CHAINS: usize = 4;

/// The largest number of panels whose values fit the registers of every level.
const WIDEST: usize = 6;

/// `dst[c]` is the reduction of `src[p][c]` over `pixels`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// What the pixels are reduced to.
    pub reduction: Reduction,
    /// How many pixels are reduced.
    pub pixels: usize,
    /// Groups of 16 lanes.
    pub panels: usize,
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
}

impl Reduce {
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
            let values = self.values();
            b.comment(format!("{values} of {} lanes, {} each, of which none waits for another.", together * PANEL, chains));
            let zero = (self.reduction == Reduction::Min).then(|| b.splat("zero", 0.0));
            let mut sums = Vec::new();
            for chain in 0..chains {
                for (v, lane) in columns.clone().enumerate() {
                    let first = b.load(format!("s{chain}_{v}"), at(chain, lane));
                    turn(b, zero, first);
                    sums.push(first);
                }
            }
            let add = |b: &mut Builder, chain: usize, pixel: usize, p: Index| {
                for (v, lane) in columns.clone().enumerate() {
                    let a = b.load("a", at(pixel, lane).plus(p, chains * self.src_pitch));
                    turn(b, zero, a);
                    b.update(self.joins(), sums[chain * columns.len() + v], a);
                }
            };
            let verb = if self.reduction.adds() { "Adds" } else { "Meets" };
            b.comment(format!("{verb} {}.", number_of(self.pixels - chains, "pixel")));
            b.repeat("p", rounds, |b, p| (0..chains).for_each(|chain| add(b, chain, chains + chain, p)));
            (0..rest).for_each(|chain| add(b, chain, chains * (1 + rounds) + chain, Index::Zero));
            b.comment(match self.reduction {
                Reduction::Mean => "Adds the sums of a lane, and stores the factor times that.",
                Reduction::Sum => "Adds the sums of a lane, and stores that.",
                Reduction::Max | Reduction::Min => "Stores the one of a lane that is beyond the others.",
            });
            let factor = (self.reduction == Reduction::Mean).then(|| b.splat("factor", 1.0 / self.pixels as f32));
            for (v, lane) in columns.clone().enumerate() {
                for chain in 1..chains {
                    b.update(self.joins(), sums[v], sums[chain * columns.len() + v]);
                }
                if let Some(factor) = factor {
                    b.set(sums[v], Value::Binary(Binary::Mul, sums[v], factor));
                }
                turn(b, zero, sums[v]);
                b.store(dst.at(lane).plus(c, together * PANEL), sums[v]);
            }
        });
        b.finish()
    }
}

impl Reduce {
    /// The operation that joins a value to others.
    fn joins(&self) -> Binary {
        if self.reduction.adds() { Binary::Add } else { Binary::Maximum }
    }

    /// What is kept of the pixels so far.
    fn values(&self) -> &'static str {
        match self.reduction {
            Reduction::Mean | Reduction::Sum => "Sums",
            Reduction::Max => "The largest values",
            Reduction::Min => "The least values, negated,",
        }
    }
}

/// Negates what is read and what is stored if the least value is asked for: it is minus the largest of the negated ones.
fn turn(b: &mut Builder, zero: Option<Reg>, reg: Reg) {
    if let Some(zero) = zero {
        b.set(reg, Value::Binary(Binary::Sub, zero, reg));
    }
}

impl Family for Reduce {
    fn name(&self, level: Level) -> KernelName {
        KernelName::new(self.reduction.word(), level).field("m", self.pixels).field("c", self.panels * PANEL)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        vec![("sp", self.src_pitch)]
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
