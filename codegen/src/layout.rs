//! How maps and weights lie in memory.
//!
//! A *map* is an activation, NHWC; a *lane* is a position along its channel axis. Lanes come in panels of 16.

use std::ops::Range;

pub use crate::ids::MapId;

/// Output lanes of a weight panel, and the multiple of every pitch: one AVX-512 register.
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
    /// Lanes in use; memory holds this rounded up to 16, and the rest is always zero.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Map {
    /// f32 from pixel to pixel in memory: its lanes rounded up to whole panels, and one panel more, which nobody reads or writes, where
    /// pixels would lie a multiple of 2 KiB apart.
    pub fn pitch(&self) -> usize {
        let lanes = padded(self.c);
        if lanes.is_multiple_of(ALIASED) && self.h * self.w > 1 { lanes + PANEL } else { lanes }
    }

    /// Its pad lanes, which are always zero.
    pub fn pads(&self) -> Range<usize> {
        self.c..padded(self.c)
    }
}

/// Half of the 4 KiB after which addresses fall into the same set of an L1 again. At such a pitch the pixels of a window
/// push each other out.
const ALIASED: usize = 512;

/// Where a map lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user's NCHW images.
    Input,
    /// Whole, all images one after another.
    Arena {
        /// In f32.
        offset: usize,
    },
    /// Rows of one image at a time: row `r` in slot `r % rows`.
    Ring {
        /// In f32, in a thread's scratch memory.
        offset: usize,
        /// Slots.
        rows: usize,
    },
}
