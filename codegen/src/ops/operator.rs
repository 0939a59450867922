//! What codegen needs to know of a fused operator.

use std::fmt::Debug;

use sartor_kernels::runtime::Level;
use sartor_models::Window;
use typed_index_collections::TiSlice;

use super::choice::LayerChoice;
use super::filter::Filter;
use super::line;
use super::packed::PackedLayer;
use super::site::{RowGroup, Site};
use crate::ir::isa;
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place, padded};
use crate::lower::tile::Tile;

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

    /// The cost model's estimate of the cycles that one core takes for the arithmetic of one image.
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
