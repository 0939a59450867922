//! The plan of a network for one level: what is proven, interpreted and printed. It holds kernels, stages, places and lengths, and no
//! weights.

use sartor_kernels::runtime::Level;
use typed_index_collections::TiVec;

use crate::ir::kernel::{Kernel, KernelId};
use crate::ir::stage::{Region, Stage};
use crate::layout::MapId;
pub use crate::layout::Place;
use crate::network::layers::{LayerId, Layers};
use crate::network::line::problem_line;

/// A result on its way to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpack {
    /// Where its map lies in the arena, in f32.
    pub src: usize,
    /// Where it goes in the output, in f32.
    pub dst: usize,
    /// f32 from pixel to pixel of the map.
    pub pitch: usize,
    /// Pixels of one image.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
    /// Whether a log-softmax over the channels follows.
    pub log_softmax: bool,
}

/// Rows that each layer of a chain computes in each strip, when the strip is the first of a thread's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Strips of one image.
    pub strips: usize,
    /// `rows[i][strip]`: first row and first row beyond, for the chain's layer `i`.
    pub rows: Vec<Vec<(usize, usize)>>,
}

/// What a stage computes.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Its code.
    pub code: Stage,
    /// Its layers, in order.
    pub layers: Vec<LayerId>,
    /// Rows of each layer that a unit computes, for chains.
    pub rows: Option<Rows>,
}

/// Lengths of the regions, in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// The user's images.
    pub input: usize,
    /// The arena.
    pub arena: usize,
    /// One thread's scratch memory.
    pub scratch: usize,
    /// The packed weights.
    pub weights: usize,
}

impl Lengths {
    /// Length of one region.
    pub fn of(&self, region: Region) -> usize {
        match region {
            Region::Input => self.input,
            Region::Arena => self.arena,
            Region::Scratch => self.scratch,
            Region::Weights => self.weights,
        }
    }
}

/// A network planned for one level.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The level.
    pub level: Level,
    /// Images of a pass.
    pub batch: usize,
    /// The network's layers.
    pub layers: Layers,
    /// Distinct kernels.
    pub kernels: TiVec<KernelId, Kernel>,
    /// Stages in order.
    pub stages: Vec<StagePlan>,
    /// Where each map lies.
    pub places: TiVec<MapId, Place>,
    /// The results, in order.
    pub unpack: Vec<Unpack>,
    /// Lengths of all memory.
    pub lengths: Lengths,
    /// Length of the output for the whole batch, in f32.
    pub output_len: usize,
    /// Kernels that compute each layer.
    pub kernels_of: TiVec<LayerId, Vec<KernelId>>,
}

impl Plan {
    /// f32 from pixel to pixel of a map in memory.
    pub fn pitch(&self, map: MapId) -> usize {
        self.layers[map].pitch()
    }
}

/// One layer of a plan, for people and for tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerReport {
    /// The layer's name.
    pub name: String,
    /// Its problem in one line.
    pub problem: String,
    /// Index of its stage.
    pub stage: usize,
    /// Names of its kernels.
    pub kernels: Vec<String>,
    /// Multiply-accumulates of the whole batch, without padding.
    pub macs: u64,
}

impl Plan {
    /// All layers in order.
    pub fn report(&self) -> Vec<LayerReport> {
        let mut rows = Vec::new();
        for (stage, plan) in self.stages.iter().enumerate() {
            for &index in &plan.layers {
                let layer = &self.layers[index];
                rows.push(LayerReport {
                    name: layer.name.clone(),
                    problem: problem_line(&self.layers, layer, self.batch),
                    stage,
                    kernels: self.kernels_of[index].iter().map(|&kernel| self.kernels[kernel].name.clone()).collect(),
                    macs: layer.macs * self.batch as u64,
                });
            }
        }
        rows
    }
}
