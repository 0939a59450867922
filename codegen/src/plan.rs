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
use crate::network::output::{Loop, Softmax};

/// A map that is copied from the arena to an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where it lies in the arena, in f32.
    pub src: usize,
    /// f32 of one image of the map.
    pub image: usize,
    /// The place of its first value in an image of the output.
    pub first: usize,
    /// From the outermost loop in.
    pub loops: Vec<Loop>,
}

/// A result that is copied from the arena to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpack {
    /// Where it goes in the output of a pass, in f32.
    pub dst: usize,
    /// f32 of one image.
    pub len: usize,
    /// What it is copied from.
    pub pieces: Vec<Copied>,
    /// What follows, in order.
    pub softmaxes: Vec<Softmax>,
}

impl Unpack {
    /// The pitch, the pixels and the channels of its map, if it is one whole map in NCHW.
    pub fn planar(&self) -> Option<(usize, usize, usize)> {
        let [Copied { image, first: 0, loops, .. }] = &self.pieces[..] else { return None };
        let (pitch, pixels, channels) = match loops[..] {
            [] => (*image, 1, 1),
            [Loop { count, src: 1, dst: 1 }] => (*image, 1, count),
            [Loop { count, src, dst: 1 }] => (src, count, 1),
            [Loop { count: channels, src: 1, dst }, Loop { count: pixels, src, dst: 1 }] if dst == pixels => {
                (src, pixels, channels)
            }
            _ => return None,
        };
        (pixels * pitch == *image && pixels * channels == self.len).then_some((pitch, pixels, channels))
    }

    /// The channels, if the one thing that follows is a log-softmax over all values of an image.
    pub fn log_softmax_of_all(&self) -> Option<usize> {
        match &self.softmaxes[..] {
            [Softmax { log: true, first: 0, row, rows }] if rows.is_empty() && row.count == self.len && row.step <= 1 => {
                Some(row.count)
            }
            _ => None,
        }
    }
}

/// The rows that each layer of a chain computes in each strip, if the strip is the first that a thread takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Strips of one image.
    pub strips: usize,
    /// `rows[i][strip]`: the first row that layer `i` of the chain computes, and the first row beyond.
    pub rows: Vec<Vec<(usize, usize)>>,
}

/// A stage: its code, and what it computes.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Its code.
    pub code: Stage,
    /// Its layers, in order.
    pub layers: Vec<LayerId>,
    /// For chains, the rows of each layer that a unit computes.
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
    /// Lengths of all regions.
    pub lengths: Lengths,
    /// Length of the output for the whole batch, in f32.
    pub output_len: usize,
    /// The kernels that compute each layer.
    pub kernels_of: TiVec<LayerId, Vec<KernelId>>,
}

impl Plan {
    /// f32 from pixel to pixel of a map in memory.
    pub fn pitch(&self, map: MapId) -> usize {
        self.layers[map].pitch()
    }
}

/// A report of one layer of a plan, for people and for tools.
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
    /// Reports all layers in order.
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
