//! Packs weights in the order in which kernels read them, the same for every level: in panels of 16 output lanes, each with its
//! bias first. Each operator packs its own.

use crate::network::layers::{LayerId, Normalized};
pub use crate::ops::packed::{Packed, PackedLayer, PanelRun};

/// Packs the weights of all layers.
pub fn pack(network: &Normalized) -> Packed {
    pack_some(network, |_| true)
}

/// Packs the weights of the layers for which `wanted` is true.
pub fn pack_some(network: &Normalized, wanted: impl Fn(LayerId) -> bool) -> Packed {
    let mut packed = Packed::default();
    for ((index, layer), filter) in network.layers.iter_enumerated().zip(&network.filters) {
        let layer = match filter {
            Some(filter) if wanted(index) => layer.op.pack(network.maps.as_ref(), filter, &mut packed.data),
            _ => PackedLayer::None,
        };
        packed.layers.push(layer);
    }
    packed
}
