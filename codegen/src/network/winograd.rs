//! Splits 3x3 convolutions into Winograd's three layers: tiles of the map are transformed, each element of the tiles is a group of
//! a 1x1 convolution, and its products are transformed to outputs. What lies between are maps like any other. So stages, proofs and
//! measuring know nothing of it.

use std::ops::Range;

use sartor_models::{Padding, Window};
use sartor_ops::Winograd;
use sartor_ops::winograd::both_ways;

use super::layers::{Conv, Filter, FromTiles, IntoTiles, Layer, LayerOp, Layers, Normalized};
use crate::layout::{L2, Map, MapId, PANEL, keeps_chain, padded};

/// The fewest input and output channels for which the transforms are worth their time. At 16 and 32 the whole gains 4 %, at 16 and 64
/// it gains 60 %.
const CHANNELS: usize = 16;

/// The fewest tiles for which fewer products are worth the larger filters, which are 16 ninths of the direct ones. A map of 7x7 has as
/// many, and gains 20 % or more.
const TILES: usize = 16;

/// The largest map of products, in bytes, that is not split in parts: half as many of a map of 28x28 take longer in parts than together.
const PRODUCTS: usize = 4 * L2;

/// The most parts into which a convolution is split. Each transforms the tiles anew.
const PARTS: usize = 4;

/// The network with Winograd convolutions where that was measured to be worth it. Their tiles are of 2x2 outputs. They round less than
/// direct sums, which are longer. Tiles of 4x4 outputs round some ten times as much as those.
#[must_use]
pub fn usual(network: &Normalized) -> Normalized {
    let form = Winograd::Two;
    winograd(network, form, |conv| {
        let dst = &network.maps[conv.dst];
        let (h, w) = tiles(dst, form);
        conv.src_lanes.len().min(conv.oc) >= CHANNELS && h * w >= TILES
    })
}

/// The network with Winograd convolutions in place of all direct ones that allow it and are `worth` it.
#[must_use]
pub fn winograd(network: &Normalized, form: Winograd, worth: impl Fn(&Conv) -> bool) -> Normalized {
    let mut split =
        Normalized { network: Layers { layers: Default::default(), ..network.network.clone() }, filters: Default::default() };
    for (index, layer) in network.layers.iter_enumerated() {
        match (&layer.op, &network.filters[index]) {
            (LayerOp::Conv(conv), Some(filter)) if allows(network, conv) && worth(conv) => {
                replace(&mut split, layer, conv, filter, form);
            }
            (_, filter) => {
                split.network.layers.push(layer.clone());
                split.filters.push(filter.clone());
            }
        }
    }
    split
}

/// Whether any convolution of a network is split.
pub fn is_split(network: &Layers) -> bool {
    network.layers.iter().any(|layer| matches!(layer.op, LayerOp::FromTiles(_)))
}

/// Whether a convolution may be split.
fn allows(network: &Layers, conv: &Conv) -> bool {
    let Window { kernel, stride, dilation, padding } = conv.window;
    let narrow = |padding: Padding| padding.before <= 1 && padding.after <= 1;
    let shortcut_fits = conv.shortcut.is_none_or(|map| padded(network[map].c) == padded(conv.oc));
    let shape = (kernel, stride, dilation, conv.groups) == ((3, 3), (1, 1), (1, 1), 1);
    let place = conv.src != MapId(0) && conv.dst_lane.is_multiple_of(PANEL);
    shape && narrow(padding.0) && narrow(padding.1) && place && shortcut_fits
}

/// The rows and columns of tiles that make a map.
fn tiles(map: &Map, form: Winograd) -> (usize, usize) {
    (map.h.div_ceil(form.outputs()), map.w.div_ceil(form.outputs()))
}

/// Puts the three layers in the place of a convolution, for each part of its output lanes. The value that the layer computes is complete after the last.
fn replace(split: &mut Normalized, layer: &Layer, conv: &Conv, filter: &Filter, form: Winograd) {
    let parts = parts(split, conv, form);
    let each = filter.weight.len() / conv.oc;
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        let oc = part.len();
        let some = Conv { dst_lane: conv.dst_lane + part.start, oc, ..conv.clone() };
        let weight = filter.weight[part.start * each..part.end * each].to_vec();
        let filter = Filter { weight, bias: filter.bias[part.clone()].to_vec(), ..filter.clone() };
        let name = if is_last { layer.name.clone() } else { format!("{}.{index}", layer.name) };
        let value = layer.value.clone().filter(|_| is_last);
        let macs = layer.macs / conv.oc as u64 * oc as u64;
        replace_part(split, &Layer { name, value, macs, op: layer.op.clone() }, &some, &filter, form);
    }
}

/// The parts of the output lanes that are computed one after another. There are several if the products of all lanes are far more than L2
/// holds, the three layers of all lanes do not fit L2 row by row, and those of a part do.
fn parts(split: &Normalized, conv: &Conv, form: Winograd) -> Vec<Range<usize>> {
    let dst = &split.network[conv.dst];
    let (h, w) = tiles(dst, form);
    let (elements, ic, panels) = (form.elements(), conv.src_lanes.len(), padded(conv.oc) / PANEL);
    let fits = |panels: usize| {
        let weights = 4 * panels * PANEL * (elements * (1 + ic) + 1);
        let row = 4 * elements * w * (padded(ic) + panels * PANEL);
        keeps_chain(L2, weights, row)
    };
    let count = if 4 * elements * h * w * panels * PANEL <= PRODUCTS {
        1
    } else {
        (1..=PARTS).find(|&n| fits(panels.div_ceil(n))).unwrap_or(1)
    };
    let begin = |part: usize| (panels * part / count * PANEL).min(conv.oc);
    (0..count).map(|part| begin(part)..begin(part + 1)).collect()
}

fn replace_part(split: &mut Normalized, layer: &Layer, conv: &Conv, filter: &Filter, form: Winograd) {
    let dst = &split.network[conv.dst];
    let (h, w) = tiles(dst, form);
    let panel = |lane: &usize| lane / PANEL;
    let first = conv.src_lanes.iter().map(panel).min().unwrap_or(0);
    let panels = conv.src_lanes.iter().map(panel).max().map_or(1, |last| last + 1 - first);
    let (elements, oc) = (form.elements(), padded(conv.oc));
    let mut map = |suffix: &str, lanes: usize| {
        split.network.maps.push_and_get_key(Map { name: format!("{}.{suffix}", layer.name), c: elements * lanes, h, w })
    };
    let (tiles, products) = (map("tiles", panels * PANEL), map("products", oc));
    let lanes_of = |element: usize| conv.src_lanes.iter().map(move |lane| element * panels * PANEL + lane - first * PANEL);
    let into = IntoTiles { form, src: conv.src, first, panels, dst: tiles, padding: conv.window.padding };
    let each = Conv {
        src: tiles,
        src_lanes: (0..elements).flat_map(lanes_of).collect(),
        dst: products,
        dst_lane: 0,
        oc: elements * oc,
        window: Window::POINT,
        groups: elements,
        act: None,
        shortcut: None,
        post_act: None,
    };
    let &Conv { dst, dst_lane, oc: channels, act, shortcut, post_act, .. } = conv;
    let from = FromTiles { form, src: products, dst, dst_lane, oc: channels, act, shortcut, post_act };
    let bias = Filter { weight: Vec::new(), ..filter.clone() };
    let inner = |suffix: &str, op: LayerOp, macs: u64| Layer { name: format!("{}.{suffix}", layer.name), op, value: None, macs };
    let mut push = |layer: Layer, filter: Option<Filter>| {
        split.network.layers.push(layer);
        split.filters.push(filter);
    };
    push(inner("tiles", LayerOp::IntoTiles(into), 0), None);
    push(inner("products", LayerOp::Conv(each), layer.macs), Some(transformed(filter, conv, form)));
    push(Layer { op: LayerOp::FromTiles(from), macs: 0, ..layer.clone() }, Some(bias));
}

/// The filter of the products, `[element][oc, padded][ic]`: computed in f64 and rounded once.
fn transformed(filter: &Filter, conv: &Conv, form: Winograd) -> Filter {
    let (elements, ic, oc) = (form.elements(), conv.src_lanes.len(), padded(conv.oc));
    let mut weight = vec![0.0; elements * oc * ic];
    for (at, taps) in filter.weight.chunks_exact(9).enumerate() {
        let taps: Vec<f64> = taps.iter().map(|&tap| tap.into()).collect();
        for (element, value) in both_ways(&form.filter(), &taps).into_iter().enumerate() {
            weight[element * oc * ic + at] = value as f32;
        }
    }
    Filter { weight, bias: vec![0.0; elements * oc], factor: 1.0 }
}
