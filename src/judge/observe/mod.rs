//! Observes what each layer of a program reads and writes: stages run unit by unit, and maps are copied before they are overwritten.

mod executor;

use std::collections::BTreeMap;

use sartor_codegen::layout::MapId;
use sartor_codegen::network::layers::{Layer, LayerId};
use sartor_codegen::plan::{Place, Plan, StagePlan};
use sartor_kernels::runtime::SessionError;
use sartor_kernels::shape::Maps;

pub use executor::{Executor, Interpreter};

/// A copy of a map as it is in memory: NHWC.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Images, lanes that hold channels, rows and columns.
    pub maps: Maps,
    /// Distance from pixel to pixel, in f32.
    pub pitch: usize,
    /// `[n][h][w][pitch]`; rows that were not written are NaN.
    pub data: Vec<f32>,
    /// Whether each row, `[n][h]`, was written. Inside a stage, rows that no window reads are never written.
    pub written: Vec<bool>,
}

impl Seen {
    /// The values of some lanes, NCHW.
    pub fn channels(&self, lanes: impl Iterator<Item = usize> + Clone) -> Vec<f32> {
        let image = self.maps.pixels() * self.pitch;
        let of_image = |pixels: &'_ [f32]| -> Vec<f32> {
            lanes.clone().flat_map(|lane| pixels[lane..].iter().step_by(self.pitch).copied()).collect()
        };
        self.data.chunks_exact(image).flat_map(of_image).collect()
    }

    /// A map before any row is written.
    fn unwritten(plan: &Plan, id: MapId) -> Self {
        let map = &plan.layers[id];
        let (maps, pitch) = (Maps::new(plan.batch, map.c, map.h, map.w), plan.pitch(id));
        Self { maps, pitch, data: vec![f32::NAN; maps.n * maps.pixels() * pitch], written: vec![false; maps.n * maps.h] }
    }

    /// The user's images, given as NCHW.
    fn input(plan: &Plan, input: &[f32]) -> Self {
        let map = &plan.layers[MapId(0)];
        let maps = Maps::new(plan.batch, map.c, map.h, map.w);
        let nhwc = |image: &'_ [f32]| -> Vec<f32> {
            (0..maps.pixels()).flat_map(|pixel| image[pixel..].iter().step_by(maps.pixels()).copied()).collect()
        };
        let data = input.chunks_exact(maps.c * maps.pixels()).flat_map(nhwc).collect();
        Self { maps, pitch: maps.c, data, written: vec![true; maps.n * maps.h] }
    }
}

/// Copies a map that outlives its stage; `None` for a map that exists inside a stage only.
pub fn read(plan: &Plan, id: MapId, executor: &impl Executor, input: &[f32]) -> Option<Seen> {
    match plan.places[id] {
        Place::Input => Some(Seen::input(plan, input)),
        Place::Arena { offset } => {
            let mut seen = Seen::unwritten(plan, id);
            let len = seen.data.len();
            seen.data.copy_from_slice(&executor.arena()[offset..][..len]);
            seen.written.fill(true);
            Some(seen)
        }
        Place::Ring { .. } => None,
    }
}

/// A layer that has just run, with the maps before and after.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Which of the plan's layers.
    pub index: LayerId,
    before: &'a BTreeMap<MapId, Seen>,
    after: &'a BTreeMap<MapId, Seen>,
}

impl<'a> Observed<'a> {
    /// What it read of one of its sources. That is a map made inside the stage, or the map as it was when the stage began.
    ///
    /// # Panics
    /// If the map is not a source of the layer.
    pub fn source(&self, map: MapId) -> &'a Seen {
        let inner = self.after.get(&map).filter(|_| !self.before.contains_key(&map));
        inner.unwrap_or_else(|| &self.before[&map])
    }

    /// The map that it wrote, as it was when the stage began; `None` for a map that exists inside the stage only.
    pub fn before(&self, layer: &Layer) -> Option<&'a Seen> {
        self.before.get(&layer.dst())
    }

    /// The map that it wrote.
    pub fn result(&self, layer: &Layer) -> &'a Seen {
        &self.after[&layer.dst()]
    }
}

/// Runs a program once, stage by stage, and calls `visit` for every layer, in order. All memory is NaN at first, so that a value that is read
/// before it is written becomes visible.
///
/// Units run one by one, each as if it were the first unit of a thread: it computes the rows above its strip itself.
///
/// # Errors
/// If the length of the input or output is not the program's.
///
/// # Panics
/// If the executor's program was not made from this plan.
pub fn observe(
    plan: &Plan,
    executor: &mut impl Executor,
    input: &[f32],
    output: &mut [f32],
    mut visit: impl FnMut(Observed<'_>),
) -> Result<(), SessionError> {
    executor.arena_mut().fill(f32::NAN);
    for (index, stage) in plan.stages.iter().enumerate() {
        let layers = || stage.layers.iter().map(|&layer| &plan.layers[layer]);
        let touched = layers().flat_map(|layer| layer.sources().into_iter().chain([layer.dst()]));
        let before: BTreeMap<MapId, Seen> = touched.filter_map(|map| Some((map, read(plan, map, executor, input)?))).collect();
        let mut after: BTreeMap<MapId, Seen> =
            layers().map(|layer| layer.dst()).map(|map| (map, Seen::unwritten(plan, map))).collect();
        for unit in 0..stage.code.units {
            executor.scratch_mut().fill(f32::NAN);
            executor.run_unit(index, unit, input, output)?;
            copy_rings(plan, stage, unit, executor.scratch(), &mut after);
        }
        for (&map, seen) in &mut after {
            if let Some(whole) = read(plan, map, executor, input) {
                *seen = whole;
            }
        }
        stage.layers.iter().for_each(|&index| visit(Observed { index, before: &before, after: &after }));
    }
    executor.finish(plan.stages.len(), input, output)
}

/// Copies the rows that a unit computed of maps inside the stage.
fn copy_rings(plan: &Plan, stage: &StagePlan, unit: usize, scratch: &[f32], after: &mut BTreeMap<MapId, Seen>) {
    let Some(rows) = &stage.rows else { return };
    let (image, strip) = (unit / rows.strips, unit % rows.strips);
    for (at, &layer) in stage.layers.iter().enumerate() {
        let map = plan.layers[layer].dst();
        let Place::Ring { offset, rows: slots } = plan.places[map] else { continue };
        let seen = after.get_mut(&map).expect("every result of the stage has an entry");
        let row_len = seen.maps.w * seen.pitch;
        let (begin, end) = rows.rows[at][strip];
        for row in begin..end {
            let to = image * seen.maps.h + row;
            seen.data[to * row_len..][..row_len].copy_from_slice(&scratch[offset + row % slots * row_len..][..row_len]);
            seen.written[to] = true;
        }
    }
}
