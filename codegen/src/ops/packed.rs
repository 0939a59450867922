//! Where the packed weights of each layer are.

use sartor_models::Window;
use typed_index_collections::TiVec;

use crate::ids::LayerId;
use crate::layout::PANEL;
use crate::lower::pointwise::Segment;

/// Consecutive panels of a convolution that read the same input lanes and have the same epilogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanelRun {
    /// The first output panel, counted from lane 0 of the destination.
    pub first: usize,
    /// Panels.
    pub panels: usize,
    /// Input lanes, in the order of the packed taps.
    pub segments: Vec<Segment>,
    /// Whether the shortcut reaches these panels.
    pub shortcut: bool,
    /// Whether an earlier layer wrote lanes of this panel. If so, they are kept.
    pub blend: bool,
    /// Lanes of the last panel that are in use, if the activation does not keep zero; `None` if it does.
    pub last_lanes: Option<usize>,
    /// How many lanes at the end of the last panel hold no channel.
    pub idle: usize,
    /// Where the packed panels begin, in f32.
    pub offset: usize,
}

impl PanelRun {
    /// How many products each sum has, in a window.
    pub fn taps(&self, window: &Window) -> usize {
        window.taps() * self.segments.iter().map(|segment| segment.len).sum::<usize>()
    }

    /// How many f32 its packed panels are: biases and weights.
    pub fn len(&self, window: &Window) -> usize {
        self.panels * PANEL * (1 + self.taps(window))
    }
}

/// Where a layer's weights are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackedLayer {
    /// A layer without weights.
    None,
    /// A convolution's runs of panels.
    Conv(Vec<PanelRun>),
    /// A depthwise convolution's panels `[bias, taps]`: where they begin, in f32.
    Depthwise(usize),
    /// The biases of Winograd's outputs, in panels: where they begin, in f32.
    Bias(usize),
    /// A map of constants, pixel by pixel without pad lanes: where it begins, in f32.
    Constant(usize),
}

/// All weights of a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Packed {
    /// The weights of all layers. Each layer begins at a multiple of 64 bytes.
    pub data: Vec<f32>,
    /// Where each layer's weights are.
    pub layers: TiVec<LayerId, PackedLayer>,
}
