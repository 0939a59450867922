//! How maps and weights lie in memory.
//!
//! A *map* is an activation, NHWC; a *lane* is a position along its channel axis. Lanes come in panels of 16.

use std::ops::Range;

pub use crate::ids::MapId;

/// Output lanes of a panel of weights. Every pitch is a multiple of this. It is one AVX-512 register.
pub const PANEL: usize = 16;

/// `lanes` rounded up to whole panels.
pub const fn padded(lanes: usize) -> usize {
    lanes.next_multiple_of(PANEL)
}

/// An activation of one image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Name of the node that defines it.
    pub name: String,
    /// Lanes in use. Memory holds this number rounded up to 16; the lanes beyond are always zero.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Map {
    /// f32 from pixel to pixel in memory: the map's lanes rounded up to whole panels. Where pixels would then lie a multiple of 2
    /// KiB apart, one panel more is added, which nobody reads or writes.
    pub fn pitch(&self) -> usize {
        let lanes = padded(self.c);
        if lanes.is_multiple_of(ALIASED) && self.h * self.w > 1 { lanes + PANEL } else { lanes }
    }

    /// The pad lanes, which are always zero.
    pub fn pads(&self) -> Range<usize> {
        self.c..padded(self.c)
    }
}

/// How many bytes of second-level cache plans assume that a core has to itself.
pub const L2: usize = 1 << 20;

/// Whether an L2 of this size keeps so many bytes of weights while they are used again and again: the other half is for maps.
pub const fn keeps_weights(l2: usize, weights: usize) -> bool {
    weights <= l2 / 2
}

/// Whether an L2 of this size keeps the weights of a chain beside the rows of its inner maps.
pub const fn keeps_chain(l2: usize, weights: usize, rows: usize) -> bool {
    keeps_weights(l2, weights) && weights + rows <= l2 / 4 * 3
}

/// Half of the 4 KiB after which addresses fall into the same set of an L1 cache again, in f32. With a pitch that is a multiple
/// of this, the pixels of a window push one another out of the cache.
const ALIASED: usize = 512;

/// A loop over values that are copied: how many, and f32 from one to the next, where they come from and where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loop {
    /// Iterations.
    pub count: usize,
    /// f32 from value to value of the source.
    pub src: usize,
    /// f32 from value to value of the destination.
    pub dst: usize,
}

/// Calls `visit` with the place in the source and the place in the destination of every value, from places `at` on.
pub fn each(loops: &[Loop], at: (usize, usize), visit: &mut impl FnMut(usize, usize)) {
    match loops {
        [] => visit(at.0, at.1),
        [first, inner @ ..] => (0..first.count).for_each(|i| each(inner, (at.0 + i * first.src, at.1 + i * first.dst), visit)),
    }
}

/// The same loops in the order of the destination, with those joined that go on where the inner one ends.
pub fn in_order(mut loops: Vec<Loop>) -> Vec<Loop> {
    loops.retain(|each| each.count > 1);
    loops.sort_by_key(|each| std::cmp::Reverse(each.dst));
    let mut merged: Vec<Loop> = Vec::new();
    for next in loops {
        match merged.last_mut() {
            Some(last) if (last.src, last.dst) == (next.count * next.src, next.count * next.dst) => {
                *last = Loop { count: last.count * next.count, ..next };
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// Where a map lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user's NCHW images.
    Input,
    /// In the arena: the whole map, all images one after another.
    Arena {
        /// Where the map begins, in f32.
        offset: usize,
    },
    /// In a ring, which holds rows of one image at a time: row `r` is in slot `r % rows`.
    Ring {
        /// Where the ring begins in a thread's scratch memory, in f32.
        offset: usize,
        /// The number of slots.
        rows: usize,
    },
}
