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

/// The part that a layer may take in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It sums over channels.
    Dense,
    /// It slides a window over each lane.
    Sliding,
    /// It ends the chain of the dense layer in front.
    Closing,
    /// It is a stage by itself, or the first layer of one.
    Other,
    /// It is a stage by itself, and there is nothing to choose.
    Alone,
}

/// How a layer is computed, as far as its cost depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The level.
    pub level: Level,
    /// What was chosen for the layer.
    pub how: LayerChoice,
    /// Output rows of a unit; `None` if the layer is split along its output lanes.
    pub strip: Option<usize>,
}

/// What codegen needs to know of a fused operator.
pub trait Operator: Debug {
    /// The maps that it reads. The first is the one that it walks through row by row.
    fn sources(&self) -> Vec<MapId>;

    /// The map that it writes.
    fn dst(&self) -> MapId;

    /// The window that slides over the rows and columns of its first source. It is [`Window::POINT`] if each output pixel needs
    /// only the pixel at the same place.
    fn window(&self) -> Window {
        Window::POINT
    }

    /// How many rows of its result each row of its first source makes.
    fn enlarges(&self) -> usize {
        1
    }

    /// The part that it may take in a chain.
    fn role(&self) -> Role {
        Role::Other
    }

    /// What its problem line holds: the operator with its channels, and its window.
    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window);

    /// What is fused into it, as words. They follow its geometry in the key of a tuning.
    fn words(&self) -> Vec<String>;

    /// How many f32 its packed weights are.
    fn packed_len(&self) -> usize {
        0
    }

    /// Appends its weights to `data` in the order in which its kernels read them.
    fn pack(&self, _maps: &TiSlice<MapId, Map>, _filter: &Filter, _data: &mut Vec<f32>) -> PackedLayer {
        PackedLayer::None
    }

    /// Prefix of its variables' names in a stage. `src` is where its first source lies.
    fn prefix(&self, src: Place) -> &'static str;

    /// Output rows of a call, if its kernel leaves no choice. `src` is where its first source lies, `dst` what it writes.
    fn rows_of_a_call(&self, _src: Place, _dst: &Map, _level: Level) -> Option<usize> {
        None
    }

    /// The cost model's estimate of how many cycles one core takes for the arithmetic of one image.
    fn cycles(&self, dst: &Map, way: &Way) -> f64 {
        (padded(dst.c) / isa::of(way.level).lanes) as f64 * (dst.h * dst.w) as f64
    }

    /// Register tiles that are worth trying for blocks of `pixels` pixels, besides the usual one.
    fn tiles(&self, _level: Level, _pixels: usize) -> Vec<Tile> {
        Vec::new()
    }

    /// The calls of its kernels that compute a group of rows.
    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step>;
}
