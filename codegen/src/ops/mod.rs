//! The fused operators, a file each. The file says everything that codegen needs to know of the operator: which maps it reads and writes,
//! what is fused into it, its problem line, its packed weights, its kernels and how a stage calls them, its cost, and what there is to choose.

mod activate;
mod add;
pub mod choice;
mod conv;
mod depthwise;
mod elementwise;
pub mod filter;
pub mod line;
mod mean;
pub mod packed;
mod pool;
mod scale;
pub mod site;
pub mod sliding;

use std::fmt::Debug;
use std::ops::Deref;

use sartor_kernels::runtime::Level;
use sartor_models::Window;
use typed_index_collections::TiSlice;

use crate::ir::isa;
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place, padded};
use crate::lower::tile::Tile;
use choice::LayerChoice;
use filter::Filter;
use packed::PackedLayer;
use site::{RowGroup, Site};

pub use activate::Activate;
pub use add::Add;
pub use conv::Conv;
pub use depthwise::Depthwise;
pub use mean::Mean;
pub use pool::{Pool, PoolKind};
pub use scale::Scale;

/// A fused operator.
#[derive(Clone, Debug)]
pub enum LayerOp {
    /// Convolution or linear layer over all or groups of channels.
    Conv(Conv),
    /// Convolution of each lane by itself.
    Depthwise(Depthwise),
    /// Max or average over a window.
    Pool(Pool),
    /// Mean over the map.
    Mean(Mean),
    /// Product with a gate.
    Scale(Scale),
    /// Sum of two maps.
    Add(Add),
    /// An activation that no other layer could take.
    Activation(Activate),
}

impl Deref for LayerOp {
    type Target = dyn Operator;

    fn deref(&self) -> &(dyn Operator + 'static) {
        match self {
            LayerOp::Conv(op) => op,
            LayerOp::Depthwise(op) => op,
            LayerOp::Pool(op) => op,
            LayerOp::Mean(op) => op,
            LayerOp::Scale(op) => op,
            LayerOp::Add(op) => op,
            LayerOp::Activation(op) => op,
        }
    }
}

/// How a layer may take part in a chain of layers that share strips of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It sums over channels.
    Dense,
    /// It slides a window over each lane.
    Sliding,
    /// It computes a stage by itself, or begins one.
    Other,
}

/// A way to compute a layer, as far as its cost depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The level.
    pub level: Level,
    /// What was chosen for the layer.
    pub how: LayerChoice,
    /// Output rows of a unit; `None` if the layer is cut along its output lanes.
    pub strip: Option<usize>,
}

/// What codegen needs to know of a fused operator.
pub trait Operator: Debug {
    /// The maps it reads; the first is the one that it walks through row by row.
    fn sources(&self) -> Vec<MapId>;

    /// The map it writes.
    fn dst(&self) -> MapId;

    /// The window that slides over the rows and columns of its first source; [`Window::POINT`] where a pixel needs that pixel only.
    fn window(&self) -> Window {
        Window::POINT
    }

    /// How it may take part in a chain.
    fn role(&self) -> Role {
        Role::Other
    }

    /// What its problem line says: the operator with its channels, and its window.
    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window);

    /// What is fused into it, as words behind its geometry in the key of a tuning.
    fn words(&self) -> Vec<String>;

    /// f32 of its packed weights.
    fn packed_len(&self) -> usize {
        0
    }

    /// Appends its weights to `data` as its kernels read them.
    fn pack(&self, _maps: &TiSlice<MapId, Map>, _filter: &Filter, _data: &mut Vec<f32>) -> PackedLayer {
        PackedLayer::None
    }

    /// Prefix of its variables in a stage; `src` is where its first source lies.
    fn prefix(&self, src: Place) -> &'static str;

    /// Output rows of a call, if its kernel has no choice; `src` is where its first source lies.
    fn rows_of_a_call(&self, _src: Place) -> Option<usize> {
        None
    }

    /// Cycles of its arithmetic for one image, roughly, as the cost model has them.
    fn cycles(&self, dst: &Map, way: &Way) -> f64 {
        (padded(dst.c) / isa::of(way.level).lanes) as f64 * (dst.h * dst.w) as f64
    }

    /// Register tiles worth trying for blocks of so many pixels, beside the usual one.
    fn tiles(&self, _level: Level, _pixels: usize) -> Vec<Tile> {
        Vec::new()
    }

    /// The calls of its kernels that compute some rows.
    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step>;
}
