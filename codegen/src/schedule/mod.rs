//! Decides which layers run together, with which kernels, and where every map lies. What it decides is a [`Plan`]; it proves nothing.

pub mod alternatives;
mod arena;
mod chain;
mod cost;
mod panels;
mod partition;
#[cfg(test)]
mod tests;
mod trial;
pub mod tuning;

use std::sync::Arc;

use sartor_kernels::runtime::Level;
use sartor_models::Network;
use typed_index_collections::TiVec;

use crate::layout::MapId;
use crate::lower::library::Library;
use crate::network::layers::{Layer, Layers};
use crate::network::pack::Packed;
use crate::ops::site::Site;
use crate::plan::{Lengths, Place, Plan, StagePlan, Unpack};

use partition::Group;
pub use trial::trial;
use tuning::Tuning;

/// What a plan depends on besides the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The level.
    pub level: Level,
    /// Images of an inference.
    pub batch: usize,
    /// Bytes of the second-level cache that a core has to itself.
    pub l2: usize,
    /// Whether layers may share a stage.
    pub fuse: bool,
    /// Threads that are to find work in every stage of a pass, where the map has enough of it.
    pub threads: usize,
    /// What measuring chose; the cost model decides what is not in it.
    pub tuning: Arc<Tuning>,
}

impl Options {
    /// The usual options for a level: one image, 1 MiB of second-level cache, fusion, two threads, no tuning.
    pub fn new(level: Level) -> Self {
        Self { level, batch: 1, l2: 1 << 20, fuse: true, threads: 2, tuning: Arc::default() }
    }

    /// The same with work for at least this many threads.
    #[must_use]
    pub fn shared_by(self, threads: usize) -> Self {
        Self { threads: self.threads.max(threads), ..self }
    }
}

/// A network that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Memory beyond what addresses can hold.
    #[error("the network needs more than {limit} f32 of {what} for a batch of {batch}: use a smaller batch, width or resolution")]
    TooLarge {
        /// The memory.
        what: &'static str,
        /// Images.
        batch: usize,
        /// Most f32.
        limit: usize,
    },
    /// A batch of none.
    #[error("batch is 0: use at least 1")]
    NoImages,
}

/// Most f32 of any region: byte offsets stay within 31 bits times 16.
const MOST: usize = 1 << 33;

/// Checks that addresses can hold the input and the outputs of so many images.
///
/// # Errors
/// If there is none, or there are too many.
pub fn check_batch(network: &Network, batch: usize) -> Result<(), ScheduleError> {
    if batch == 0 {
        return Err(ScheduleError::NoImages);
    }
    let outputs = network.outputs().iter().map(|&id| network.node(id).shape.len()).sum();
    let fits = |len: usize| len.checked_mul(batch).is_some_and(|all| all <= MOST);
    let all_fit = fits(network.input_shape().len()) && fits(outputs);
    if all_fit { Ok(()) } else { Err(ScheduleError::TooLarge { what: "input and output", batch, limit: MOST }) }
}

/// The stages of a network and the places of its maps: what is decided before anything is lowered.
#[derive(Clone, Debug)]
pub struct Schedule {
    groups: Vec<Group>,
    /// Where each map lies. Maps inside chains get their rings when the chain is lowered.
    pub(crate) places: TiVec<MapId, Place>,
    /// Length of the arena, in f32.
    arena: usize,
}

impl Schedule {
    /// Cuts a network into stages and places its maps.
    ///
    /// # Errors
    /// If there are no images, or the maps are too large.
    pub fn new(layers: &Layers, options: &Options) -> Result<Self, ScheduleError> {
        let batch = options.batch;
        if batch == 0 {
            return Err(ScheduleError::NoImages);
        }
        let mut maps = layers.maps.iter().map(|map| map.h * map.w * map.pitch());
        let all = maps.try_fold(0usize, |sum, len| sum.checked_add(len.checked_mul(batch)?));
        if all.is_none_or(|all| all > MOST) {
            return Err(ScheduleError::TooLarge { what: "maps", batch, limit: MOST });
        }
        let groups = partition::partition(layers, options);
        let (places, arena) = arena::place(layers, &groups, batch);
        Ok(Self { groups, places, arena })
    }

    /// Writes the stages and their kernels.
    pub fn lower(&self, layers: &Layers, packed: &Packed, options: &Options) -> Plan {
        let site = Site {
            level: options.level,
            batch: options.batch,
            maps: layers.maps.as_ref(),
            packed,
            places: self.places.clone(),
            library: Library::new(options.level),
            kernels_of: layers.layers.iter().map(|_| Vec::new()).collect(),
        };
        let mut cx = Context { layers, options, site, scratch: 0 };
        let stages = self.groups.iter().enumerate().map(|(index, group)| {
            let name = format!("stage_{index:02}");
            // A map may lie in a ring for one stage of a trial and be whole for the next.
            for layer in group.layers() {
                let layer = &layers[layer];
                layer.sources().into_iter().chain([layer.dst()]).for_each(|map| cx.site.places[map] = self.places[map]);
            }
            match group {
                Group::Chain { layers, strip, how } => chain::lower(&mut cx, name, layers, *strip, how),
                Group::Panels { layer, how } => panels::lower(&mut cx, name, *layer, how),
                Group::Mean { layer } => panels::mean(&mut cx, name, *layer),
            }
        });
        let stages: Vec<StagePlan> = stages.collect();
        let input = &layers[MapId(0)];
        let input = input.c * input.h * input.w * options.batch;
        let lengths = Lengths { input, arena: self.arena, scratch: cx.scratch, weights: packed.data.len() };
        let (unpack, output_len) = unpack(layers, &self.places, options.batch);
        Plan {
            level: options.level,
            batch: options.batch,
            layers: layers.clone(),
            kernels: cx.site.library.finish(),
            stages,
            places: cx.site.places,
            unpack,
            lengths,
            output_len,
            kernels_of: cx.site.kernels_of,
        }
    }
}

/// Plans a network. Nothing is proven of the plan yet: see [`prove`](crate::prove).
///
/// # Errors
/// If there are no images, or the maps are too large.
pub fn plan(layers: &Layers, packed: &Packed, options: &Options) -> Result<Plan, ScheduleError> {
    Ok(Schedule::new(layers, options)?.lower(layers, packed, options))
}

fn unpack(layers: &Layers, places: &TiVec<MapId, Place>, batch: usize) -> (Vec<Unpack>, usize) {
    let mut dst = 0;
    let mut all = Vec::new();
    for output in &layers.outputs {
        let map = &layers[output.value.map];
        let Place::Arena { offset } = places[output.value.map] else { continue };
        let (pixels, channels) = (map.h * map.w, output.value.lanes.len());
        all.push(Unpack { src: offset, dst, pitch: map.pitch(), pixels, channels, log_softmax: output.log_softmax });
        dst += batch * pixels * channels;
    }
    (all, dst)
}

/// What lowering a stage needs and adds to.
struct Context<'a> {
    layers: &'a Layers,
    options: &'a Options,
    site: Site<'a>,
    /// f32 of the rings of the chain that needs most.
    scratch: usize,
}

/// Bytes of a layer's packed weights.
fn weight_bytes(layer: &Layer) -> usize {
    4 * layer.op.packed_len()
}
