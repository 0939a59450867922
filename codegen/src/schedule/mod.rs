//! The plan of a network for one level: which layers run together, with which kernels, and where every map lies.

pub mod alternatives;
mod arena;
mod chain;
mod cost;
mod library;
mod panels;
mod partition;
mod report;
#[cfg(test)]
mod tests;
mod trial;
pub mod tuning;

use std::sync::Arc;

use sartor_kernels::runtime::Level;
use sartor_models::Network;

use crate::ir::isa;
use crate::ir::kernel::Kernel;
use crate::ir::stage::Stage;
use crate::layout::MapId;
use crate::layout::{PANEL, padded};
use crate::network::layers::{Layer, LayerOp, Layers};
use crate::network::pack::Packed;
use crate::prove::{self, Lengths, Proven, Unproven};
use crate::schedule::tuning::{Choice, Tuning};

pub use chain::Rows;
pub use library::problem_line;
use partition::Group;
pub use report::LayerReport;
pub use trial::trial;

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

    /// The same with work for so many threads, if they are more.
    #[must_use]
    pub fn shared_by(self, threads: usize) -> Self {
        Self { threads: self.threads.max(threads), ..self }
    }
}

/// Where a map lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user's NCHW images.
    Input,
    /// Whole, all images one after another.
    Arena {
        /// In f32.
        offset: usize,
    },
    /// Rows of one image at a time: row `r` in slot `r % rows`.
    Ring {
        /// In f32, in a thread's scratch memory.
        offset: usize,
        /// Slots.
        rows: usize,
    },
}

/// A result on its way to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpack {
    /// Where its map lies in the arena, in f32.
    pub src: usize,
    /// Where it goes in the output, in f32.
    pub dst: usize,
    /// f32 from pixel to pixel of the map.
    pub pitch: usize,
    /// Pixels of one image.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
    /// Whether a log-softmax over the channels follows.
    pub log_softmax: bool,
}

/// What a stage computes.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Its code.
    pub code: Stage,
    /// Indices of its layers, in order.
    pub layers: Vec<usize>,
    /// Rows of each layer that a unit computes, for chains.
    pub rows: Option<Rows>,
    /// How it is computed, where that is a choice; see [`alternatives`].
    pub choice: Option<Choice>,
}

/// A network planned for one level.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was planned for.
    pub options: Options,
    /// The network's layers.
    pub layers: Layers,
    /// Distinct kernels.
    pub kernels: Vec<Kernel>,
    /// Stages in order.
    pub stages: Vec<StagePlan>,
    /// Where each map lies.
    pub places: Vec<Place>,
    /// The results, in order.
    pub unpack: Vec<Unpack>,
    /// Lengths of all memory.
    pub lengths: Lengths,
    /// Length of the output for the whole batch, in f32.
    pub output_len: usize,
    /// Kernels that compute each layer.
    pub kernels_of: Vec<Vec<usize>>,
}

/// A network that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
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
    /// A defect of the compiler, caught before anything is emitted.
    #[error("the compiler made a program that it cannot prove safe; please report this: {0}")]
    Unproven(#[from] Unproven),
}

/// Most f32 of any region: byte offsets stay within 31 bits times 16.
const MOST: usize = 1 << 33;

/// Checks that addresses can hold the input and the outputs of so many images.
///
/// # Errors
/// If there is none, or there are too many.
pub fn check_batch(network: &Network, batch: usize) -> Result<(), PlanError> {
    if batch == 0 {
        return Err(PlanError::NoImages);
    }
    let outputs = network.outputs().iter().map(|&id| network.node(id).shape.len()).sum();
    let fits = |len: usize| len.checked_mul(batch).is_some_and(|all| all <= MOST);
    let all_fit = fits(network.input_shape().len()) && fits(outputs);
    if all_fit { Ok(()) } else { Err(PlanError::TooLarge { what: "input and output", batch, limit: MOST }) }
}

/// Plans a network, and proves the plan.
///
/// # Errors
/// If the network is too large, or the proof fails.
pub fn plan(layers: &Layers, packed: &Packed, options: Options) -> Result<Plan, PlanError> {
    let plan = unproven(layers, packed, options, |_| {})?;
    plan.prove(&packed.data)?;
    Ok(plan)
}

/// Plans a network whose maps are moved before its stages are lowered.
pub(crate) fn unproven(
    layers: &Layers,
    packed: &Packed,
    options: Options,
    moved: impl FnOnce(&mut [Place]),
) -> Result<Plan, PlanError> {
    if options.batch == 0 {
        return Err(PlanError::NoImages);
    }
    let mut maps = layers.maps.iter().map(|map| map.h * map.w * map.pitch());
    let all = maps.try_fold(0usize, |sum, len| sum.checked_add(len.checked_mul(options.batch)?));
    if all.is_none_or(|all| all > MOST) {
        return Err(PlanError::TooLarge { what: "maps", batch: options.batch, limit: MOST });
    }
    let groups = partition::partition(layers, &options);
    let (mut places, arena) = arena::place(layers, &groups, options.batch);
    moved(&mut places);
    let unpacked = unpack(layers, &places, options.batch);
    Ok(lower(layers, packed, options, &groups, places, arena, unpacked))
}

/// Lowers groups of layers, one stage each.
fn lower(
    layers: &Layers,
    packed: &Packed,
    options: Options,
    groups: &[Group],
    places: Vec<Place>,
    arena: usize,
    (unpack, output_len): (Vec<Unpack>, usize),
) -> Plan {
    let mut context = Context {
        layers,
        packed,
        library: library::Library::new(options.level),
        options,
        places: places.clone(),
        scratch: 0,
        kernels_of: vec![Vec::new(); layers.layers.len()],
    };
    let mut stages = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let name = format!("stage_{index:02}");
        // A map may lie in a ring for one stage of a trial and be whole for the next.
        for layer in group.layers() {
            let layer = &layers.layers[layer];
            layer.sources().into_iter().chain([layer.dst()]).for_each(|map| context.places[map.0] = places[map.0]);
        }
        let stage = match group {
            Group::Chain { layers, strip, how } => chain::lower(&mut context, name, layers, *strip, how),
            Group::Panels { layer, how } => panels::lower(&mut context, name, *layer, how),
            Group::Mean { layer } => panels::mean(&mut context, name, *layer),
        };
        stages.push(StagePlan { choice: group.choice(), ..stage });
    }
    let input = layers.maps[0].c * layers.maps[0].h * layers.maps[0].w * context.options.batch;
    let lengths = Lengths { input, arena, scratch: context.scratch, weights: packed.data.len() };
    Plan {
        options: context.options,
        layers: layers.clone(),
        kernels: context.library.kernels,
        stages,
        places: context.places,
        unpack,
        lengths,
        output_len,
        kernels_of: context.kernels_of,
    }
}

impl Plan {
    /// Proves the program on its packed weights.
    ///
    /// # Errors
    /// If something cannot be proven.
    pub fn prove(&self, weights: &[f32]) -> Result<Proven, Unproven> {
        prove::program(self, weights)
    }

    /// f32 from pixel to pixel of a map in memory.
    pub fn pitch(&self, map: MapId) -> usize {
        self.layers.maps[map.0].pitch()
    }
}

fn unpack(layers: &Layers, places: &[Place], batch: usize) -> (Vec<Unpack>, usize) {
    let mut dst = 0;
    let mut all = Vec::new();
    for output in &layers.outputs {
        let map = &layers.maps[output.value.map.0];
        let Place::Arena { offset } = places[output.value.map.0] else { continue };
        let (pixels, channels) = (map.h * map.w, output.value.lanes.len());
        all.push(Unpack { src: offset, dst, pitch: map.pitch(), pixels, channels, log_softmax: output.log_softmax });
        dst += batch * pixels * channels;
    }
    (all, dst)
}

/// What lowering a stage needs and adds to.
struct Context<'a> {
    layers: &'a Layers,
    packed: &'a Packed,
    options: Options,
    places: Vec<Place>,
    scratch: usize,
    library: library::Library,
    kernels_of: Vec<Vec<usize>>,
}

impl Context<'_> {
    fn layer(&self, index: usize) -> &Layer {
        &self.layers.layers[index]
    }

    fn pitch(&self, map: MapId) -> usize {
        self.layers.maps[map.0].pitch()
    }

    fn row_len(&self, map: MapId) -> usize {
        self.layers.maps[map.0].w * self.pitch(map)
    }

    /// f32 of one image of a map in the arena.
    fn image_len(&self, map: MapId) -> usize {
        self.layers.maps[map.0].h * self.row_len(map)
    }

    /// How many of `lanes` lanes fill whole vectors.
    fn whole_vectors(&self, lanes: usize) -> usize {
        let width = isa::of(self.options.level).lanes;
        lanes / width * width
    }

    fn panels(&self, map: MapId) -> usize {
        padded(self.layers.maps[map.0].c) / PANEL
    }

    fn uses(&mut self, layer: usize, kernel: usize) {
        let kernels = &mut self.kernels_of[layer];
        if !kernels.contains(&kernel) {
            kernels.push(kernel);
        }
    }
}

/// Bytes of a layer's packed weights.
fn weight_bytes(layer: &Layer) -> usize {
    4 * match &layer.op {
        LayerOp::Conv(conv) => padded(conv.oc) * (1 + conv.weight.len() / conv.oc),
        LayerOp::Depthwise(depthwise) => padded(depthwise.bias.len()) * (1 + depthwise.window.taps()),
        _ => 0,
    }
}
