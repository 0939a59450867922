//! Decides which layers share a stage.
//!
//! A chain runs depth first over strips of rows, and its inner maps never leave the cache. It pays as long as its weights stay in
//! L2 beside them. Layers whose weights outweigh their maps are split along their output lanes instead, so that each weight is
//! read once.

use super::options::Options;
use crate::layout::{MapId, PANEL, keeps_chain, keeps_weights, padded};
use crate::lower::window::{reached, spanned};
use crate::network::layers::{Layer, LayerId, LayerOp, Layers};
use crate::network::line::problem;
use crate::ops::Role;
use crate::schedule::tuning::{Choice, LayerChoice, PanelsChoice};

/// The layers of a stage, and how they are split into units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// Depth first over strips of rows of the last layer.
    Chain {
        /// Indices of the layers, in order.
        layers: Vec<LayerId>,
        /// Output rows of a unit.
        strip: usize,
        /// What was chosen for each layer.
        how: Vec<LayerChoice>,
    },
    /// One convolution, split along its output lanes.
    Panels {
        /// Index of the layer.
        layer: LayerId,
        /// What was chosen for it.
        how: PanelsChoice,
    },
    /// One layer that is split in its own way, such as a reduction or a layer that moves pixels.
    Alone {
        /// Index of the layer.
        layer: LayerId,
    },
}

impl Group {
    /// Indices of its layers.
    pub fn layers(&self) -> Vec<LayerId> {
        match self {
            Group::Chain { layers, .. } => layers.clone(),
            Group::Panels { layer, .. } | Group::Alone { layer } => vec![*layer],
        }
    }
}

/// Width of the narrowest map on which the calls of a chain still have enough pixels.
const NARROWEST: usize = 9;

/// The smallest number of pixels that a unit of a chain should have.
const PIXELS: usize = 56;

/// The most layers of a chain. More gain little, and the time to plan them grows with the cube of their number.
pub const LONGEST: usize = 12;

/// Splits a network into stages.
pub fn partition(layers: &Layers, options: &Options) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut next = LayerId(0);
    while next < layers.end() {
        let tuned = tuned(layers, next, options);
        let new = if tuned.is_empty() { vec![estimated(layers, next, options)] } else { tuned };
        next = next + new.iter().map(|group| group.layers().len()).sum::<usize>();
        groups.extend(new);
    }
    groups
}

/// The stage that begins with a layer, according to the cost model.
pub fn estimated(layers: &Layers, next: LayerId, options: &Options) -> Group {
    let layer = &layers[next];
    if layer.op.role() == Role::Alone {
        return Group::Alone { layer: next };
    }
    if by_panels(layers, layer, options) {
        return Group::Panels { layer: next, how: PanelsChoice::default() };
    }
    let mut chain = vec![next];
    while has_room(layers, &chain, options) && extends(layers, &chain, next + chain.len(), options) {
        chain.push(next + chain.len());
    }
    Group::Chain { strip: strip(layers, &chain, options.threads), how: vec![LayerChoice::default(); chain.len()], layers: chain }
}

/// The layers from `next` on that may share a stage. How they are computed is chosen for all of them together.
pub fn run(layers: &Layers, next: LayerId, options: &Options) -> Vec<LayerId> {
    let mut chain = vec![next];
    let bounded = |chain: &[LayerId]| keeps_weights(options.l2, chain_bytes(layers, chain));
    while has_room(layers, &chain, options) && joins(layers, &chain, next + chain.len()) {
        chain.push(next + chain.len());
        if !bounded(&chain) {
            chain.pop();
            break;
        }
    }
    chain
}

/// The stages of the run that begins with a layer, if it was measured; none if it was not.
fn tuned(layers: &Layers, next: LayerId, options: &Options) -> Vec<Group> {
    if layers[next].op.role() == Role::Alone {
        return Vec::new();
    }
    let run = run(layers, next, options);
    let Some(choices) = options.tuning.get(&problem(layers, &run, options.batch)) else { return Vec::new() };
    let mut at = 0;
    let mut groups = Vec::new();
    for choice in choices {
        groups.push(group(layers, &run[at..at + choice.layers()], choice, options.threads));
        at += choice.layers();
    }
    groups
}

/// A stage as it was chosen. If need be its strips are lower, so that the threads share the rows more evenly.
pub fn group(layers: &Layers, stage: &[LayerId], choice: &Choice, threads: usize) -> Group {
    match choice {
        Choice::Panels(how) if stage.len() == 1 && can_be_split(&layers[stage[0]]) => {
            Group::Panels { layer: stage[0], how: *how }
        }
        Choice::Panels(_) => Group::Chain {
            strip: strip(layers, stage, threads),
            how: vec![LayerChoice::default(); stage.len()],
            layers: stage.to_vec(),
        },
        Choice::Rows { strip, layers: how } => {
            let rows = layers[layers[stage[stage.len() - 1]].dst()].h;
            Group::Chain { layers: stage.to_vec(), strip: shared(*strip, rows, threads), how: how.clone() }
        }
    }
}

/// Whether a layer can be split along its output lanes: a convolution that does not read the user's planar images.
fn can_be_split(layer: &Layer) -> bool {
    matches!(&layer.op, LayerOp::Conv(conv) if conv.src != MapId(0))
}

/// Whether a convolution should be split along its output lanes.
fn by_panels(layers: &Layers, layer: &Layer, options: &Options) -> bool {
    let LayerOp::Conv(conv) = &layer.op else { return false };
    if !can_be_split(layer) {
        return false;
    }
    let src = &layers[conv.src];
    let weights = 4 * layer.op.packed_len();
    let map_bytes = 4 * src.h * src.w * options.batch * src.pitch();
    let panels = padded(conv.oc) / PANEL;
    if conv.is_pointwise() {
        // It should if its map is small, or if its weights are large and its map stays in L2 beside two panels: one that is used and one that is fetched.
        let pixels = src.h * src.w * options.batch;
        let stays = match weights {
            weights if !keeps_weights(options.l2, weights) => map_bytes + 2 * weights / panels <= options.l2,
            weights => weights > options.l2 / 4 && map_bytes <= options.l2 / 2,
        };
        return pixels < NARROWEST * NARROWEST || src.w < NARROWEST || stays;
    }
    // Row by row, all weights pass L2 once a row. Panel by panel, the weights pass once, and what is read of the map as well if it stays there.
    let ((rows, columns), dst) = (conv.window.axes(), &layers[conv.dst]);
    let map_bytes = map_bytes / (src.h * src.w) * spanned(rows, dst.h).min(src.h) * spanned(columns, dst.w).min(src.w);
    let passes = if map_bytes + weights / panels <= options.l2 / 4 * 3 { 1 } else { panels };
    !keeps_weights(options.l2, weights) && weights + passes * map_bytes < weights * options.batch * dst.h
}

/// Whether there is a layer after a chain, and the chain may have one more.
fn has_room(layers: &Layers, chain: &[LayerId], options: &Options) -> bool {
    options.fuse && chain.len() < LONGEST && chain[0] + chain.len() < layers.end()
}

/// Whether the layer after a chain should join it.
fn extends(layers: &Layers, chain: &[LayerId], next: LayerId, options: &Options) -> bool {
    let layer = &layers[next];
    let width = layers[layers[chain[chain.len() - 1]].dst()].w;
    let by_panels = by_panels(layers, layer, options);
    let longer = [chain, &[next]].concat();
    joins(layers, chain, next)
        && width >= NARROWEST
        && !by_panels
        && keeps_chain(options.l2, chain_bytes(layers, &longer), ring_bytes(layers, &longer, options))
}

/// About how many bytes the rows have that the inner maps of a chain keep.
fn ring_bytes(layers: &Layers, chain: &[LayerId], options: &Options) -> usize {
    let mut rows = strip(layers, chain, options.threads);
    let mut bytes = 0;
    for pair in chain.windows(2).rev() {
        let (window, _) = layers[pair[1]].op.window().axes();
        let map = &layers[layers[pair[0]].dst()];
        rows = reached(window, rows.div_ceil(layers[pair[1]].op.enlarges()));
        // Most windows are computed two rows at a time.
        rows = if window.kernel > 1 { rows.next_multiple_of(2) } else { rows }.min(map.h);
        bytes += 4 * rows * map.w * map.pitch();
    }
    bytes
}

/// Whether the layer after a chain can join it.
fn joins(layers: &Layers, chain: &[LayerId], next: LayerId) -> bool {
    let (last, layer) = (&layers[chain[chain.len() - 1]], &layers[next]);
    if layer.op.role() == Role::Alone {
        return false;
    }
    let map = last.dst();
    let readers = layers.layers.iter().filter(|layer| layer.sources().contains(&map)).count();
    let writers = layers.layers.iter().filter(|layer| layer.dst() == map).count();
    let is_output = layers.returns(map);
    if readers != 1 || writers != 1 || is_output || layer.sources()[0] != map {
        return false;
    }
    // A strip needs more than one source row for an output row only where a window slides. So those maps stay in rings.
    match (last.op.role(), layer.op.role()) {
        (Role::Dense, Role::Sliding | Role::Closing) => true,
        (Role::Sliding | Role::Other, Role::Dense) => layer.is_pointwise(),
        // What an operator makes of each value or of its neighbours takes less time than to write and read a map that L2 does not hold.
        (Role::Sliding | Role::Other, Role::Sliding | Role::Other) => true,
        _ => false,
    }
}

/// How many bytes the packed weights of a chain have.
fn chain_bytes(layers: &Layers, chain: &[LayerId]) -> usize {
    chain.iter().map(|&index| 4 * layers[index].op.packed_len()).sum()
}

/// Output rows of a unit: at least two, and enough to fill tiles with pixels. They are up to twice as many if the threads then
/// share the rows more evenly. If the map is too small for that, each thread has one unit.
pub fn strip(layers: &Layers, chain: &[LayerId], threads: usize) -> usize {
    let last = &layers[chain[chain.len() - 1]];
    let (map, up) = (&layers[last.dst()], last.op.enlarges());
    if up > 1 {
        // A call of the layer in front takes whole rows of pixels.
        let fewest = up * PIXELS.div_ceil(map.w.div_ceil(up)).min(map.h.div_ceil(threads * up));
        let strips = (fewest..=2 * fewest).step_by(up);
        return strips.min_by_key(|&strip| longest_share(map.h, strip, threads)).unwrap_or(fewest);
    }
    let fewest = PIXELS.div_ceil(map.w).next_multiple_of(2).min(map.h.div_ceil(threads));
    (fewest..=2 * fewest).min_by_key(|&strip| (longest_share(map.h, strip, threads), strip % 2)).unwrap_or(fewest)
}

/// Of the strips of at most `strip` rows with which the busiest thread has the least to do, the highest. Strips that are lower
/// than the ones measured slow a thread down by next to nothing.
fn shared(strip: usize, rows: usize, threads: usize) -> usize {
    (1..=strip).rev().min_by_key(|&strip| longest_share(rows, strip, threads)).unwrap_or(strip)
}

/// How many rows the busiest thread has, if the threads share the strips of a map.
pub fn longest_share(rows: usize, strip: usize, threads: usize) -> usize {
    let strips = rows.div_ceil(strip);
    let begin = |thread: usize| (strips * thread / threads * strip).min(rows);
    (0..threads).map(|thread| begin(thread + 1) - begin(thread)).max().unwrap_or(rows)
}
