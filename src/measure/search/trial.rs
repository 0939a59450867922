//! Times the candidates of a trial. Their runs are interleaved, and each finds the caches as in a network: its source was just
//! written, and its weights are not in a near cache.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sartor_codegen::compile;
use sartor_codegen::layout::MapId;
use sartor_codegen::network::layers::{LayerId, Normalized};
use sartor_codegen::plan::{Place, Plan};
use sartor_codegen::schedule::Options;
use sartor_codegen::schedule::tuning::Choice;
use sartor_kernels::runtime::Session;
use sartor_models::Network;

use super::error::TuneError;
use crate::compile::{CompileError, Generated, Kind, Target, build, load};

use crate::measure::bench::{Samples, test_input};
use crate::tuning::cpu_caches::Sizes;

/// A stage to time: its layers, and how to compute them.
pub type Candidate = (Vec<LayerId>, Choice);

/// The fewest and the most rounds over all candidates.
const ROUNDS: (usize, usize) = (15, 400);

/// The seconds that the rounds of a trial should take. The fewest rounds are run even if they take longer.
const SECONDS: f64 = 0.8;

/// The seconds that each candidate takes on an undisturbed core.
///
/// # Errors
/// If the trial cannot be built or run, or candidates for the same layers compute different results.
pub fn time(network: &Network, layers: &Normalized, options: &Options, stages: &[Candidate]) -> Result<Vec<f64>, TuneError> {
    let level = options.level;
    let emitted = compile::trial(network, layers, options, stages)?;
    let plan = emitted.plans.into_iter().next().expect("a trial has one plan");
    let generated = Generated { files: emitted.files, plans: Vec::new() };
    let built = build(&generated, Kind::Dylib, &Target::default()).map_err(CompileError::from)?;
    let program = load(&built.artifact, level)?;
    let mut bench = Bench::new(&plan, Session::new(program, 1)?);
    bench.check(stages)?;
    Ok(bench.rounds(stages.len()))
}

struct Bench<'a> {
    plan: &'a Plan,
    session: Session,
    input: Vec<f32>,
    /// All maps before a candidate runs: noise, with zeros in the pad lanes.
    arena: Vec<f32>,
    /// Memory that is read between candidates, so that the caches hold nothing of theirs.
    other: Vec<f32>,
}

impl<'a> Bench<'a> {
    fn new(plan: &'a Plan, session: Session) -> Self {
        let mut arena = test_input(plan.lengths.arena);
        for (map, place) in plan.layers.maps.iter().zip(&plan.places) {
            let Place::Arena { offset } = *place else { continue };
            let pitch = map.pitch();
            let pixels = arena[offset..][..plan.batch * map.h * map.w * pitch].chunks_exact_mut(pitch);
            pixels.for_each(|pixel| pixel[map.c..].fill(0.0));
        }
        let other = vec![1.0; 2 * Sizes::here().l2.max(1 << 20) as usize / 4];
        Self { plan, session, input: test_input(plan.lengths.input), arena, other }
    }

    /// Places and lengths of the maps that a stage reads and does not make itself.
    fn sources(&self, stage: usize) -> Vec<(usize, usize)> {
        let layers = || self.plan.stages[stage].layers.iter().map(|&layer| &self.plan.layers[layer]);
        let inner: Vec<MapId> = layers().map(|layer| layer.dst()).collect();
        let read = layers().flat_map(|layer| layer.sources()).filter(|map| !inner.contains(map));
        let place = |map: MapId| match self.plan.places[map] {
            Place::Arena { offset } => {
                let shape = &self.plan.layers[map];
                Some((offset, self.plan.batch * shape.h * shape.w * self.plan.pitch(map)))
            }
            _ => None,
        };
        read.filter_map(place).collect()
    }

    fn run(&mut self, stage: usize) -> Result<f64, TuneError> {
        let units = self.session.program().stages()[stage].units();
        let start = Instant::now();
        self.session.run_units(stage, 0, units, &self.input, &mut [])?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Checks that candidates for the same layers write the same values.
    fn check(&mut self, stages: &[Candidate]) -> Result<(), TuneError> {
        let mut first: Vec<(&[LayerId], Vec<u32>)> = Vec::new();
        for (index, (layers, choice)) in stages.iter().enumerate() {
            let arena = &self.arena;
            self.session.arena_mut().copy_from_slice(arena);
            self.run(index)?;
            let dst = layers.last().map(|&layer| self.plan.layers[layer].dst());
            let Some((map, Place::Arena { offset })) = dst.map(|map| (map, self.plan.places[map])) else { continue };
            let shape = &self.plan.layers[map];
            let len = self.plan.batch * shape.h * shape.w * self.plan.pitch(map);
            let bits: Vec<u32> = self.session.arena()[offset..][..len].iter().map(|x| x.to_bits()).collect();
            match first.iter().find(|(of, _)| of == layers) {
                Some((_, expected)) if *expected != bits => return Err(TuneError::Differs { choice: format!("{choice:?}") }),
                Some(_) => {}
                None => first.push((layers, bits)),
            }
        }
        Ok(())
    }

    /// Times all candidates in rounds. Each round begins with another candidate.
    fn rounds(&mut self, stages: usize) -> Vec<f64> {
        let sources: Vec<_> = (0..stages).map(|stage| self.sources(stage)).collect();
        let mut times = vec![Vec::new(); stages];
        let start = Instant::now();
        for round in 0..ROUNDS.1 {
            if round >= ROUNDS.0 && start.elapsed() >= Duration::from_secs_f64(SECONDS) {
                break;
            }
            for stage in (0..stages).map(|stage| (stage + round) % stages) {
                black_box(self.other.iter().step_by(16).sum::<f32>());
                for &(offset, len) in &sources[stage] {
                    self.session.arena_mut()[offset..][..len].copy_from_slice(&self.arena[offset..][..len]);
                }
                black_box(self.input.iter().step_by(16).sum::<f32>());
                times[stage].extend(self.run(stage));
            }
        }
        times.into_iter().map(|times| Samples::new(times).quiet()).collect()
    }
}
