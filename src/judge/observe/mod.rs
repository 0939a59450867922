//! What a program's layers really read and write: its stages run unit by unit, every map is copied before it is overwritten.

mod machine;

use std::collections::BTreeMap;

use sartor_codegen::layer::{Layer, LayerId};
use sartor_codegen::layout::MapId;
use sartor_codegen::plan::{Place, Plan, StagePlan};
use sartor_kernels::runtime::SessionError;
use sartor_kernels::shape::Maps;

pub use machine::{Interpreter, Machine};

/// A copy of a map, as it lay in memory: NHWC.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Images, lanes in use, rows, columns.
    pub maps: Maps,
    /// f32 from pixel to pixel.
    pub pitch: usize,
    /// `[n][h][w][pitch]`; NaN in rows that were not written.
    pub data: Vec<f32>,
    /// Whether each row, `[n][h]`, was written; inside a stage, rows that no window reads are not.
    pub written: Vec<bool>,
}

impl Seen {
    /// Some lanes of all pixels, NCHW.
    pub fn channels(&self, lanes: impl Iterator<Item = usize> + Clone) -> Vec<f32> {
        let image = self.maps.pixels() * self.pitch;
        let of_image = |pixels: &'_ [f32]| -> Vec<f32> {
            lanes.clone().flat_map(|lane| pixels[lane..].iter().step_by(self.pitch).copied()).collect()
        };
        self.data.chunks_exact(image).flat_map(of_image).collect()
    }

    /// A map of which no row is written yet.
    fn unwritten(plan: &Plan, id: MapId) -> Self {
        let map = &plan.layers[id];
        let (maps, pitch) = (Maps::new(plan.batch, map.c, map.h, map.w), plan.pitch(id));
        Self { maps, pitch, data: vec![f32::NAN; maps.n * maps.pixels() * pitch], written: vec![false; maps.n * maps.h] }
    }

    /// The user's images, NCHW.
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

/// A map that outlives its stage, as it is now; `None` for one that lives inside a stage.
pub fn read(plan: &Plan, id: MapId, machine: &impl Machine, input: &[f32]) -> Option<Seen> {
    match plan.places[id] {
        Place::Input => Some(Seen::input(plan, input)),
        Place::Arena { offset } => {
            let mut seen = Seen::unwritten(plan, id);
            let len = seen.data.len();
            seen.data.copy_from_slice(&machine.arena()[offset..][..len]);
            seen.written.fill(true);
            Some(seen)
        }
        Place::Ring { .. } => None,
    }
}

/// A layer that has just run.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Which of the plan's layers.
    pub index: LayerId,
    before: &'a BTreeMap<MapId, Seen>,
    after: &'a BTreeMap<MapId, Seen>,
}

impl<'a> Observed<'a> {
    /// What it read of one of its sources: made inside the stage, or what was there when the stage began.
    ///
    /// # Panics
    /// If the map is not one of its sources.
    pub fn source(&self, map: MapId) -> &'a Seen {
        let inner = self.after.get(&map).filter(|_| !self.before.contains_key(&map));
        inner.unwrap_or_else(|| &self.before[&map])
    }

    /// The map it wrote, as it was when the stage began; `None` for one that lives inside the stage.
    pub fn before(&self, layer: &Layer) -> Option<&'a Seen> {
        self.before.get(&layer.dst())
    }

    /// The map it wrote.
    pub fn result(&self, layer: &Layer) -> &'a Seen {
        &self.after[&layer.dst()]
    }
}

/// Runs a program once, stage by stage, and shows every layer to `visit`, in order. All memory is NaN before it is written, so that a
/// value that is read too early shows.
///
/// Units run one by one, each as the first of a thread's: it computes the rows above its strip anew.
///
/// # Errors
/// If the input's or output's length is not the program's.
///
/// # Panics
/// If the plan is not that of the machine's program.
pub fn observe(
    plan: &Plan,
    machine: &mut impl Machine,
    input: &[f32],
    output: &mut [f32],
    mut visit: impl FnMut(Observed<'_>),
) -> Result<(), SessionError> {
    machine.arena_mut().fill(f32::NAN);
    for (index, stage) in plan.stages.iter().enumerate() {
        let layers = || stage.layers.iter().map(|&layer| &plan.layers[layer]);
        let touched = layers().flat_map(|layer| layer.sources().into_iter().chain([layer.dst()]));
        let before: BTreeMap<MapId, Seen> = touched.filter_map(|map| Some((map, read(plan, map, machine, input)?))).collect();
        let mut after: BTreeMap<MapId, Seen> =
            layers().map(|layer| layer.dst()).map(|map| (map, Seen::unwritten(plan, map))).collect();
        for unit in 0..stage.code.units {
            machine.scratch_mut().fill(f32::NAN);
            machine.run_unit(index, unit, input, output)?;
            copy_rings(plan, stage, unit, machine.scratch(), &mut after);
        }
        for (&map, seen) in &mut after {
            if let Some(whole) = read(plan, map, machine, input) {
                *seen = whole;
            }
        }
        stage.layers.iter().for_each(|&index| visit(Observed { index, before: &before, after: &after }));
    }
    machine.finish(plan.stages.len(), input, output)
}

/// Copies the rows of inner maps that a unit computed.
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
