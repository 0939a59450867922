//! A normalised network: what `normalize` makes and `plan` takes apart. Batch norms are folded, activations and shortcuts
//! fused, shuffles and concatenations turned into lanes.
//!
//! A *map* is an activation in memory, NHWC; a *lane* is a position along its channel axis. Channel `c` of a network's node
//! need not sit in lane `c`: a shuffle permutes the correspondence and a concatenation shifts it, at no cost at run time,
//! because every weight is packed in the order of the lanes it meets.

use std::ops::{Add, Deref, Index};

use sartor_models::{Activation, NodeId, Window};
use typed_index_collections::TiVec;

use crate::layout::{Map, MapId};

/// A layer's place in the order of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerId(pub usize);

impl From<usize> for LayerId {
    fn from(index: usize) -> Self {
        Self(index)
    }
}

/// The layer so many further.
impl Add<usize> for LayerId {
    type Output = Self;

    fn add(self, layers: usize) -> Self {
        Self(self.0 + layers)
    }
}

impl From<LayerId> for usize {
    fn from(id: LayerId) -> Self {
        id.0
    }
}

/// A normalised network.
#[derive(Clone, Debug)]
pub struct Layers {
    /// All maps. The first is the network's input, which is NCHW in the user's memory and has no pad lanes.
    pub maps: TiVec<MapId, Map>,
    /// Layers in an order in which every map is written before it is read.
    pub layers: TiVec<LayerId, Layer>,
    /// What the network returns.
    pub outputs: Vec<Output>,
}

impl Layers {
    /// The id after the last layer's.
    pub fn end(&self) -> LayerId {
        LayerId(self.layers.len())
    }
}

impl Index<LayerId> for Layers {
    type Output = Layer;

    fn index(&self, id: LayerId) -> &Layer {
        &self.layers[id]
    }
}

impl Index<MapId> for Layers {
    type Output = Map;

    fn index(&self, id: MapId) -> &Map {
        &self.maps[id]
    }
}

/// Where a node's value is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The node of the network.
    pub node: NodeId,
    /// The map that holds it.
    pub map: MapId,
    /// `lanes[c]` holds channel `c`.
    pub lanes: Vec<usize>,
}

/// A result of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where it is found; the lanes are `0..c` in order.
    pub value: Value,
    /// Whether a log-softmax over the channels follows.
    pub log_softmax: bool,
}

/// One fused operator.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name of the network's node that does the work, for example `features.8.conv.0.0`.
    pub name: String,
    /// What it computes.
    pub op: LayerOp,
    /// The last of the nodes fused here: what the layer's result must equal.
    pub value: Value,
    /// Multiply-accumulates of one image without padding; only convolutions and linear layers count.
    pub macs: u64,
}

/// The operators that kernels exist for.
#[derive(Clone, Debug)]
pub enum LayerOp {
    /// Convolution or linear layer over all or groups of channels.
    Conv(Conv),
    /// Convolution of each lane by itself.
    Depthwise(Depthwise),
    /// Max or average over a window.
    Pool(Pool),
    /// Mean over the map, to a 1x1 map.
    Mean {
        /// What is read.
        src: MapId,
        /// A 1x1 map of the same lanes.
        dst: MapId,
    },
    /// `act(src * gate)`.
    Scale {
        /// What is scaled.
        src: MapId,
        /// A 1x1 map of the same lanes.
        gate: MapId,
        /// Applied last.
        act: Option<Activation>,
        /// What is written.
        dst: MapId,
    },
    /// `act(a + b)` where no convolution could take the sum; `b` may have fewer lanes.
    Add {
        /// First term.
        a: MapId,
        /// Second term.
        b: MapId,
        /// Applied last.
        act: Option<Activation>,
        /// What is written.
        dst: MapId,
    },
    /// An activation that no other layer could take.
    Activation {
        /// What is read.
        src: MapId,
        /// The function.
        act: Activation,
        /// What is written.
        dst: MapId,
    },
}

/// What a convolution's weights and bias are multiplied by, for the activation that takes its sums. SiLU wants a power of e; where
/// its argument arrives times log2(e), it is one of 2, and costs three multiplications less.
pub fn factor_of_sums(act: Option<Activation>) -> f64 {
    if act == Some(Activation::Silu) { std::f64::consts::LOG2_E } else { 1.0 }
}

/// A convolution with its batch norm, activations and shortcut: `post_act(act(conv(src)) + shortcut)`.
#[derive(Clone, Debug)]
pub struct Conv {
    /// What is read.
    pub src: MapId,
    /// `src_lanes[c]` holds input channel `c`, in the order of the weights.
    pub src_lanes: Vec<usize>,
    /// What is written.
    pub dst: MapId,
    /// Output channel `o` goes to lane `dst_lane + o`. Where this is no multiple of 16, the map's lanes below it in the same
    /// group of 16 were written by an earlier layer, and stay.
    pub dst_lane: usize,
    /// Output channels.
    pub oc: usize,
    /// Where it looks; never dilated.
    pub window: Window,
    /// Groups.
    pub groups: usize,
    /// Applied before the shortcut is added.
    pub act: Option<Activation>,
    /// A map added to the lanes `0..` of `dst`; it may have fewer lanes. Only with `dst_lane == 0`.
    pub shortcut: Option<MapId>,
    /// Applied after the shortcut is added; `None` without a shortcut.
    pub post_act: Option<Activation>,
}

/// A depthwise convolution with its batch norm and activation.
#[derive(Clone, Debug)]
pub struct Depthwise {
    /// What is read.
    pub src: MapId,
    /// What is written; the same lanes.
    pub dst: MapId,
    /// Where it looks; never dilated.
    pub window: Window,
    /// Lanes.
    pub c: usize,
    /// Applied last.
    pub act: Option<Activation>,
}

/// Pooling over a window.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What is read.
    pub src: MapId,
    /// What is written: the same lanes, which are the first of `dst` where that is a concatenation.
    pub dst: MapId,
    /// Max or average.
    pub kind: PoolKind,
    /// Where it looks; never dilated.
    pub window: Window,
    /// Applied last.
    pub act: Option<Activation>,
}

/// How a window becomes one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// The largest value; padding never wins.
    Max,
    /// The mean, padding counted as zeros.
    Average,
}

/// The parameters of a convolution as its kernel takes them.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Of a dense convolution `[oc, ic / groups, kh, kw]`, of a depthwise one `[lanes, kh, kw]` in the order of the lanes. The batch norm is
    /// folded, and all is times `factor`.
    pub weight: Vec<f32>,
    /// `[oc]` or `[lanes]`, likewise.
    pub bias: Vec<f32>,
    /// What the activation that takes the sums wants them multiplied by: see [`factor_of_sums`].
    pub factor: f64,
}

/// A network's layers and their parameters.
#[derive(Clone, Debug)]
pub struct Normalized {
    /// The layers.
    pub network: Layers,
    /// The parameters of those that have some.
    pub filters: TiVec<LayerId, Option<Filter>>,
}

impl Deref for Normalized {
    type Target = Layers;

    fn deref(&self) -> &Layers {
        &self.network
    }
}

impl Conv {
    /// Terms of each sum but the bias.
    pub fn taps(&self) -> usize {
        self.src_lanes.len() / self.groups * self.window.taps()
    }
}

impl Layer {
    /// The maps it reads, in no particular order.
    pub fn sources(&self) -> Vec<MapId> {
        match &self.op {
            LayerOp::Conv(conv) => std::iter::once(conv.src).chain(conv.shortcut).collect(),
            LayerOp::Depthwise(depthwise) => vec![depthwise.src],
            LayerOp::Pool(pool) => vec![pool.src],
            LayerOp::Mean { src, .. } | LayerOp::Activation { src, .. } => vec![*src],
            LayerOp::Scale { src, gate, .. } => vec![*src, *gate],
            LayerOp::Add { a, b, .. } => vec![*a, *b],
        }
    }

    /// The map it writes.
    pub fn dst(&self) -> MapId {
        match &self.op {
            LayerOp::Conv(conv) => conv.dst,
            LayerOp::Depthwise(depthwise) => depthwise.dst,
            LayerOp::Pool(pool) => pool.dst,
            LayerOp::Mean { dst, .. } | LayerOp::Activation { dst, .. } => *dst,
            LayerOp::Scale { dst, .. } | LayerOp::Add { dst, .. } => *dst,
        }
    }
}
