//! A normalised network: what `normalize` makes and `plan` takes apart. Batch norms are folded, activations and shortcuts
//! fused, shuffles and concatenations turned into lanes.
//!
//! A *map* is an activation in memory, NHWC; a *lane* is a position along its channel axis. Channel `c` of a network's node
//! need not sit in lane `c`: a shuffle permutes the correspondence and a concatenation shifts it, at no cost at run time,
//! because every weight is packed in the order of the lanes it meets.

use std::ops::{Deref, Index};

use sartor_models::NodeId;
use typed_index_collections::TiVec;

pub use crate::ids::LayerId;
use crate::layout::{Map, MapId};
pub use crate::ops::filter::Filter;
pub use crate::ops::{Activate, Add, Conv, Depthwise, LayerOp, Mean, Pool, PoolKind, Scale};

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

impl Layer {
    /// The maps it reads; the first is the one that it walks through row by row.
    pub fn sources(&self) -> Vec<MapId> {
        self.op.sources()
    }

    /// The map it writes.
    pub fn dst(&self) -> MapId {
        self.op.dst()
    }

    /// Whether it is a 1x1 convolution that keeps the map's size.
    pub fn is_pointwise(&self) -> bool {
        matches!(&self.op, LayerOp::Conv(conv) if conv.is_pointwise())
    }
}
