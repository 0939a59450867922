//! Where packed weights are.

use typed_index_collections::TiVec;

use crate::ids::LayerId;
use crate::lower::pointwise::Segment;

/// Consecutive panels of a convolution that read the same lanes and end in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanelRun {
    /// First output panel, counted from the destination's lane 0.
    pub first: usize,
    /// Panels.
    pub panels: usize,
    /// Input lanes, in the order of the packed taps.
    pub segments: Vec<Segment>,
    /// Whether the shortcut reaches these panels.
    pub shortcut: bool,
    /// Whether an earlier layer wrote lanes of this panel, which are kept.
    pub blend: bool,
    /// Lanes of the last panel in use, where the activation does not keep zero at zero.
    pub last_lanes: Option<usize>,
    /// Lanes at the end of the last panel that no channel has.
    pub idle: usize,
    /// Where the packed panels begin, in f32.
    pub offset: usize,
}

/// Where a layer's weights are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackedLayer {
    /// A layer without weights.
    None,
    /// A convolution's runs of panels.
    Conv(Vec<PanelRun>),
    /// A depthwise convolution's panels `[bias, taps]`, in f32 from the start.
    Depthwise(usize),
}

/// All weights of a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Packed {
    /// Everything, each layer on a 64-byte boundary.
    pub data: Vec<f32>,
    /// Where each layer's are.
    pub layers: TiVec<LayerId, PackedLayer>,
}
