//! Moves values one by one, or by whole vectors where they stay together: transposed and reshaped maps.

use sartor_kernels::runtime::Level;

use super::epilogue::number_of;
use super::family::Family;
use crate::ir::kernel::{Access, Address, Builder, Index, Kernel};
use crate::ir::name::KernelName;
use crate::layout::Loop;

/// Copies f32 from a buffer to another, by loops with constant strides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Moved {
    /// From the outermost in.
    pub loops: Vec<Loop>,
    /// f32 that stay together, in each iteration. If they are more than one, they are whole panels, and so are all strides.
    pub together: usize,
    /// What is set to zero.
    pub cleared: Option<Cleared>,
}

/// Lanes that are set to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cleared {
    /// The first, in f32 from the first value that is moved.
    pub first: usize,
    /// How many of a pixel.
    pub lanes: usize,
    /// Pixels.
    pub pixels: usize,
    /// f32 from pixel to pixel.
    pub pitch: usize,
}

/// Names of the loops' variables.
const NAMES: [&str; 9] = ["i", "j", "k", "l", "m", "n", "o", "p", "q"];

impl Moved {
    /// How many f32 are moved.
    pub fn values(&self) -> usize {
        self.together * self.loops.iter().map(|each| each.count).product::<usize>()
    }

    /// The kernel. Buffers: `src`, `dst`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let reach = |stride: fn(&Loop) -> usize| {
            self.loops.iter().map(|each| (each.count - 1) * stride(each)).sum::<usize>() + self.together
        };
        let cleared = self.cleared.map_or(0, |clear| clear.first + (clear.pixels - 1) * clear.pitch + clear.lanes);
        let src = b.buffer("src", reach(|each| each.src), Access::Read);
        let dst = b.buffer("dst", reach(|each| each.dst).max(cleared), Access::Write);
        b.comment(format!("Moves {}.", number_of(self.values(), "value")));
        self.level(&mut b, 0, (src.at(0), dst.at(0)));
        if let Some(Cleared { first, lanes, pixels, pitch }) = self.cleared {
            b.comment(format!("Clears {} of {}.", number_of(lanes, "lane"), number_of(pixels, "pixel")));
            b.repeat("x", pixels, |b, x| {
                b.repeat("c", lanes, |b, c| b.clear(dst.at(first).plus(x, pitch).plus(c, 1)));
            });
        }
        b.finish()
    }

    /// The loops from this one in.
    fn level(&self, b: &mut Builder, depth: usize, (from, to): (Address, Address)) {
        if let Some(each) = self.loops.get(depth) {
            return b.repeat(NAMES[depth], each.count, |b, index| {
                let next = |at: &Address, stride: usize| at.clone().plus(index, stride);
                self.level(b, depth + 1, (next(&from, each.src), next(&to, each.dst)));
            });
        }
        if self.together == 1 {
            return b.copy(to, from);
        }
        let lanes = b.lanes();
        b.repeat("c", self.together / lanes, |b, c: Index| {
            let values = b.load("a", from.plus(c, lanes));
            b.store(to.plus(c, lanes), values);
        });
    }
}

impl Family for Moved {
    fn name(&self, level: Level) -> KernelName {
        KernelName::new("move", level).field("m", self.values() / self.together).field("c", self.together)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        let mut details = Vec::new();
        for each in &self.loops {
            details.extend([("n", each.count), ("ss", each.src), ("ds", each.dst)]);
        }
        if let Some(Cleared { first, lanes, pixels, pitch }) = self.cleared {
            details.extend([("clear", lanes), ("lane", first), ("pixels", pixels), ("dp", pitch)]);
        }
        details
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
