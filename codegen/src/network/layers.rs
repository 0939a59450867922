//! A normalised network: `normalize` makes it, and it is planned from. Batch norms are folded, activations and shortcuts are
//! fused, and shuffles and concatenations have become lanes.
//!
//! A *map* is an activation in memory, NHWC. A *lane* is a position along its channel axis. Channel `c` of a node of the network
//! need not be in lane `c`. A shuffle permutes the lanes of channels and a concatenation shifts them. Neither costs anything at
//! run time, because every weight is packed in the order of the lanes that it meets.

use std::ops::{Deref, Index};

use typed_index_collections::TiVec;

pub use crate::ids::LayerId;
use crate::layout::{Map, MapId};
pub use crate::network::output::Output;
pub use crate::network::value::Value;
pub use crate::ops::filter::Filter;
pub use crate::ops::{
    Activate, Add, Binary, Constant, Conv, Depthwise, FromTiles, IntoTiles, LayerOp, Moved, Pool, PoolKind, Rearranged, Reduce,
    Shares,
};

/// A normalised network.
#[derive(Clone, Debug)]
pub struct Layers {
    /// All maps. The first is the network's input, which the user holds as NCHW and which has no pad lanes.
    pub maps: TiVec<MapId, Map>,
    /// The layers, in an order in which every map is written before it is read.
    pub layers: TiVec<LayerId, Layer>,
    /// What the network returns.
    pub outputs: Vec<Output>,
}

impl Layers {
    /// The id that follows the last layer's.
    pub fn end(&self) -> LayerId {
        LayerId(self.layers.len())
    }

    /// Whether an output is copied from a map.
    pub fn returns(&self, map: MapId) -> bool {
        self.outputs.iter().flat_map(|output| &output.pieces).any(|piece| piece.value.map == map)
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

/// One fused operator.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name of the node that does the work, for example `features.8.conv.0.0`.
    pub name: String,
    /// What it computes.
    pub op: LayerOp,
    /// The value of the last node that is fused here. The layer's result must equal it. `None` if the result is no node's value.
    pub value: Option<Value>,
    /// Multiply-accumulates of one image, without padding. Only convolutions and linear layers count.
    pub macs: u64,
}

/// A network's layers and their parameters.
#[derive(Clone, Debug)]
pub struct Normalized {
    /// The layers.
    pub network: Layers,
    /// The parameters of each layer that has some.
    pub filters: TiVec<LayerId, Option<Filter>>,
}

impl Deref for Normalized {
    type Target = Layers;

    fn deref(&self) -> &Layers {
        &self.network
    }
}

impl Layer {
    /// The maps that it reads. The first is the one that it walks through row by row.
    pub fn sources(&self) -> Vec<MapId> {
        self.op.sources()
    }

    /// The map that it writes.
    pub fn dst(&self) -> MapId {
        self.op.dst()
    }

    /// Whether it is a 1x1 convolution that keeps the map's size.
    pub fn is_pointwise(&self) -> bool {
        matches!(&self.op, LayerOp::Conv(conv) if conv.is_pointwise())
    }
}
