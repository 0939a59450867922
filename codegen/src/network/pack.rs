//! Weights in the order kernels read them, the same for every level: panels of 16 output lanes, bias first.
//!
//! A grouped convolution is a dense one whose panels only meet the input lanes of their own groups, so each run of panels
//! with the same inputs is packed, and computed, by itself. A shuffle before it only changes which lanes those are.

use sartor_models::{Activation, Window};
use typed_index_collections::TiVec;

use crate::layout::PANEL;
use crate::lower::pointwise::{Segment, segments};
use crate::network::layers::{Conv, Depthwise, Filter, Layer, LayerId, LayerOp, Layers, Normalized};

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

/// Packs the weights of all layers.
pub fn pack(network: &Normalized) -> Packed {
    pack_some(network, |_| true)
}

/// Packs the weights of those layers that `wanted` holds for, by their indices.
pub fn pack_some(network: &Normalized, wanted: impl Fn(LayerId) -> bool) -> Packed {
    let mut packed = Packed::default();
    for ((index, layer), filter) in network.layers.iter_enumerated().zip(&network.filters) {
        let layer = match (&layer.op, filter) {
            (LayerOp::Conv(conv), Some(filter)) if wanted(index) => {
                PackedLayer::Conv(pack_conv(network, conv, filter, &mut packed.data))
            }
            (LayerOp::Depthwise(depthwise), Some(filter)) if wanted(index) => {
                PackedLayer::Depthwise(pack_depthwise(depthwise, filter, &mut packed.data))
            }
            _ => PackedLayer::None,
        };
        packed.layers.push(layer);
    }
    packed
}

/// Whether an activation writes something else than zero where it reads zero.
pub fn lifts_zero(act: Option<Activation>) -> bool {
    act.is_some_and(|act| !act.keeps_zero())
}

fn pack_conv(layers: &Layers, conv: &Conv, filter: &Filter, data: &mut Vec<f32>) -> Vec<PanelRun> {
    let shortcut_panels = conv.shortcut.map_or(0, |map| layers[map].c.div_ceil(PANEL));
    let first_panel = conv.dst_lane / PANEL;
    let end = conv.dst_lane + conv.oc;
    let mut runs: Vec<PanelRun> = Vec::new();
    for panel in first_panel..end.div_ceil(PANEL) {
        let inputs = inputs_of(conv, panel);
        let lanes: Vec<usize> = inputs.iter().map(|&channel| conv.src_lanes[channel]).collect();
        let is_last = (panel + 1) * PANEL >= end;
        let lifts = lifts_zero(conv.act) || lifts_zero(conv.post_act);
        let run = PanelRun {
            first: panel,
            panels: 1,
            segments: segments(&lanes),
            shortcut: panel < shortcut_panels,
            blend: panel * PANEL < conv.dst_lane,
            last_lanes: (is_last && lifts && !end.is_multiple_of(PANEL)).then_some(end % PANEL),
            idle: if is_last { end.next_multiple_of(PANEL) - end } else { 0 },
            offset: data.len(),
        };
        pack_panel(conv, filter, panel, &inputs, data);
        match runs.last_mut() {
            Some(last)
                if (&last.segments, last.shortcut, last.blend, last.last_lanes)
                    == (&run.segments, run.shortcut, run.blend, run.last_lanes) =>
            {
                last.panels += 1;
                last.idle = run.idle;
            }
            _ => runs.push(run),
        }
    }
    runs
}

/// Output channel in a lane of a panel.
fn channel_at(conv: &Conv, panel: usize, lane: usize) -> Option<usize> {
    (panel * PANEL + lane).checked_sub(conv.dst_lane).filter(|&channel| channel < conv.oc)
}

/// Input channels that any of a panel's outputs reads, in the order of their lanes.
fn inputs_of(conv: &Conv, panel: usize) -> Vec<usize> {
    let (per_in, per_out) = (conv.src_lanes.len() / conv.groups, conv.oc / conv.groups);
    let mut groups: Vec<usize> = (0..PANEL).filter_map(|lane| Some(channel_at(conv, panel, lane)? / per_out)).collect();
    groups.dedup();
    let mut inputs: Vec<usize> = groups.into_iter().flat_map(|group| group * per_in..(group + 1) * per_in).collect();
    inputs.sort_by_key(|&channel| conv.src_lanes[channel]);
    inputs
}

fn pack_panel(conv: &Conv, filter: &Filter, panel: usize, inputs: &[usize], data: &mut Vec<f32>) {
    let (per_in, per_out) = (conv.src_lanes.len() / conv.groups, conv.oc / conv.groups);
    let window = conv.window.taps();
    let channels: Vec<Option<usize>> = (0..PANEL).map(|lane| channel_at(conv, panel, lane)).collect();
    data.extend(channels.iter().map(|channel| channel.map_or(0.0, |o| filter.bias[o])));
    for &input in inputs {
        for tap in 0..window {
            data.extend(channels.iter().map(|channel| {
                let o = channel.filter(|o| o / per_out == input / per_in);
                o.map_or(0.0, |o| filter.weight[(o * per_in + input % per_in) * window + tap])
            }));
        }
    }
}

fn pack_depthwise(depthwise: &Depthwise, filter: &Filter, data: &mut Vec<f32>) -> usize {
    let offset = data.len();
    let window = depthwise.window.taps();
    let lanes = depthwise.c;
    for panel in 0..lanes.div_ceil(PANEL) {
        let lane = |i: usize| Some(panel * PANEL + i).filter(|&lane| lane < lanes);
        data.extend((0..PANEL).map(|i| lane(i).map_or(0.0, |lane| filter.bias[lane])));
        for tap in 0..window {
            data.extend((0..PANEL).map(|i| lane(i).map_or(0.0, |lane| filter.weight[lane * window + tap])));
        }
    }
    offset
}

impl Layer {
    /// Whether it is a 1x1 convolution that keeps the map's size.
    pub fn is_pointwise(&self) -> bool {
        matches!(&self.op, LayerOp::Conv(conv) if conv.window == Window::POINT)
    }
}
