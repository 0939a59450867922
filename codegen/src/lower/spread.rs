//! Copies the pixels of a row to a longer or a shorter one: enlarged maps, blocks of pixels that were channels, and zeros around
//! a map.

use sartor_kernels::runtime::Level;

use super::epilogue::number_of;
use super::family::Family;
use crate::ir::kernel::{Access, Builder, Index, Kernel, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;

/// One row: `before` pixels of zeros, then of each source pixel `copies`, then `after` pixels of zeros.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spread {
    /// Pixels that are read.
    pub pixels: usize,
    /// Pixels that are written for each of them.
    pub copies: usize,
    /// f32 from the lanes of one copy to those of the next in the source.
    pub step: usize,
    /// Pixels of zeros in front.
    pub before: usize,
    /// Pixels of zeros behind.
    pub after: usize,
    /// Groups of 16 lanes.
    pub panels: usize,
    /// The first lanes of the last panel, which alone are copied, if the others may not be zero in the source.
    pub last_lanes: Option<usize>,
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
    /// f32 from pixel to pixel of the destination.
    pub dst_pitch: usize,
}

impl Spread {
    /// The kernel. Buffers: `src`, unless no pixel is read, and `dst`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = self.panels * PANEL;
        let read = |pixels: usize| (pixels - 1) * self.src_pitch + (self.copies - 1) * self.step + lanes;
        let src = (self.pixels > 0).then(|| b.buffer("src", read(self.pixels), Access::Read));
        let width = self.before + self.pixels * self.copies + self.after;
        let dst = b.buffer("dst", (width - 1) * self.dst_pitch + lanes, Access::Write);
        let clear = |b: &mut Builder, first: usize, pixels: usize| {
            if pixels == 0 {
                return;
            }
            b.comment(format!("Clears {}.", number_of(pixels, "pixel")));
            let zero = b.splat("zero", 0.0);
            b.repeat("x", pixels, |b, x| {
                b.repeat("c", lanes / b.lanes(), |b, c| {
                    b.store(dst.at(first * self.dst_pitch).plus(x, self.dst_pitch).plus(c, b.lanes()), zero);
                });
            });
        };
        clear(&mut b, 0, self.before);
        if let Some(src) = src {
            b.comment(format!("Copies {}, each to {}.", number_of(self.pixels, "pixel"), number_of(self.copies, "pixel")));
            let whole = if self.last_lanes.is_some() { lanes - PANEL } else { lanes };
            b.repeat("x", self.pixels, |b, x| {
                b.repeat("j", self.copies, |b, j| {
                    let copy = |b: &mut Builder, lane: usize, c: Index, kept: usize| {
                        let from = src.at(lane).plus(x, self.src_pitch).plus(j, self.step).plus(c, b.lanes());
                        let a = b.load("a", from);
                        let a = match kept {
                            0 => b.splat("kept", 0.0),
                            kept if kept < b.lanes() => b.set_new("kept", Value::FirstLanes(a, kept)),
                            _ => a,
                        };
                        let to = dst.at(self.before * self.dst_pitch + lane).plus(x, self.copies * self.dst_pitch);
                        b.store(to.plus(j, self.dst_pitch).plus(c, b.lanes()), a);
                    };
                    if whole > 0 {
                        b.repeat("c", whole / b.lanes(), |b, c| copy(b, 0, c, b.lanes()));
                    }
                    for lane in (whole..lanes).step_by(b.lanes()) {
                        let kept = self.last_lanes.map_or(0, |last| (whole + last).saturating_sub(lane));
                        copy(b, lane, Index::Zero, kept);
                    }
                });
            });
        }
        clear(&mut b, self.before + self.pixels * self.copies, self.after);
        b.finish()
    }
}

impl Family for Spread {
    fn name(&self, level: Level) -> KernelName {
        KernelName::new("spread", level).field("m", self.pixels).field("by", self.copies).field("c", self.panels * PANEL)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        let (sp, dp) = (self.src_pitch, self.dst_pitch);
        vec![
            ("before", self.before),
            ("after", self.after),
            ("sp", sp),
            ("dp", dp),
            ("step", self.step),
            ("last", self.last_lanes.unwrap_or(PANEL)),
        ]
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
