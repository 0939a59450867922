//! What a layer needs to write its calls: the places of maps and weights, and the kernels made so far.

use sartor_kernels::runtime::Level;
use typed_index_collections::{TiSlice, TiVec};

use super::choice::LayerChoice;
use super::packed::Packed;
use crate::ids::{KernelId, LayerId};
use crate::ir::isa;
use crate::ir::stage::{Int, Pointer, Region, Step};
use crate::layout::{Map, MapId, PANEL, Place, keeps_weights, padded};
use crate::lower::library::Library;
use crate::lower::spec::Spec;

/// What the calls of a program point into, and the kernels that they call.
pub struct Site<'a> {
    /// The level.
    pub level: Level,
    /// Images of a pass.
    pub batch: usize,
    /// How many bytes of second-level cache a core has to itself.
    pub l2: usize,
    /// The network's maps.
    pub maps: &'a TiSlice<MapId, Map>,
    /// The packed weights.
    pub packed: &'a Packed,
    /// Where maps are.
    pub places: TiVec<MapId, Place>,
    /// Kernels made so far.
    pub library: Library,
    /// Kernels that each layer calls.
    pub kernels_of: TiVec<LayerId, Vec<KernelId>>,
}

/// A group of output rows of a layer.
pub struct RowGroup<'a> {
    /// The layer.
    pub layer: LayerId,
    /// Its problem line.
    pub problem: &'a str,
    /// What was chosen for it.
    pub how: LayerChoice,
    /// The first output row.
    pub first: Int,
    /// Output rows.
    pub count: usize,
    /// The source row at which the first window begins, with padding counted: [`source`](Self::source) subtracts it.
    pub top: Int,
    /// Rows of padding above.
    pub pad: usize,
    /// Which source rows exist: first and first beyond. They are counted from the first row of the first window, padding
    /// included.
    pub present: (usize, usize),
}

impl RowGroup<'_> {
    /// The source row with this number, counted as in [`present`](Self::present).
    pub fn source(&self, row: usize) -> Int {
        let top = self.top.clone();
        if row >= self.pad { top.plus(row - self.pad) } else { top.minus(self.pad - row) }
    }
}

impl Site<'_> {
    /// f32 from pixel to pixel of a map.
    pub fn pitch(&self, map: MapId) -> usize {
        self.maps[map].pitch()
    }

    /// How many f32 a row of a map has.
    pub fn row_len(&self, map: MapId) -> usize {
        self.maps[map].w * self.pitch(map)
    }

    /// How many f32 one image of a map has in the arena.
    pub fn image_len(&self, map: MapId) -> usize {
        self.maps[map].h * self.row_len(map)
    }

    /// How many groups of 16 lanes a map has.
    pub fn panels(&self, map: MapId) -> usize {
        padded(self.maps[map].c) / PANEL
    }

    /// `lanes` rounded down to whole vectors.
    pub fn whole_vectors(&self, lanes: usize) -> usize {
        let width = isa::of(self.level).lanes;
        lanes / width * width
    }

    /// Where row `row` of a map begins. With several images, the stage's variable `image` says in which.
    pub fn row(&self, map: MapId, row: Int) -> Pointer {
        let image = |len: usize| if self.batch == 1 { Int::Const(0) } else { Int::var("image").times(len) };
        match self.places[map] {
            Place::Input => {
                let shape = &self.maps[map];
                Pointer { region: Region::Input, offset: image(shape.c * shape.h * shape.w).plus(row.times(shape.w)) }
            }
            Place::Arena { offset } => {
                let offset = image(self.image_len(map)).plus(row.times(self.row_len(map))).plus(offset);
                Pointer { region: Region::Arena, offset }
            }
            Place::Ring { offset, rows } => {
                let slot = if rows >= self.maps[map].h { row } else { row.modulo(rows) };
                Pointer { region: Region::Scratch, offset: slot.times(self.row_len(map)).plus(offset) }
            }
        }
    }

    /// Whether a layer has so many f32 of weights that each walk over them reads them from behind L2.
    pub fn is_beyond_l2(&self, weights: usize) -> bool {
        !keeps_weights(self.l2, 4 * weights)
    }

    /// A call of the kernel that computes a specification. The kernel is made if there is none yet.
    pub fn call(&mut self, layer: LayerId, spec: &Spec, args: Vec<Pointer>, problem: &str) -> Step {
        let kernel = self.library.get(spec, problem);
        let kernels = &mut self.kernels_of[layer];
        if !kernels.contains(&kernel) {
            kernels.push(kernel);
        }
        Step::Call { kernel, args }
    }
}
