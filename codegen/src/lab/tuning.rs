//! Draws tunings: any strips, tiles and stages that measuring may choose.

use super::data::noise;
use crate::network::layers::Layers;
use crate::schedule::Options;
use crate::schedule::alternatives::{Alternative, alternatives, apply, by_panels, estimated, runs, together};
use crate::schedule::tuning::Tuning;

/// The stages of each run with some things changed. The same seed gives the same changes.
///
/// # Panics
/// If an alternative does not fit its level, which is a defect.
pub fn drawn(layers: &Layers, options: &Options, seed: u64) -> Tuning {
    let mut noise = noise(seed);
    let mut draw = |n: usize| (noise.next().unwrap_or_default() >> 32) as usize % n;
    let mut tuning = Tuning::default();
    for run in runs(layers, options) {
        let mut stages = Vec::new();
        let mut at = 0;
        while at < run.layers.len() {
            let part = &run.layers[at..at + 1 + draw(run.layers.len() - at)];
            let mut choice = match (draw(3), part) {
                (0, &[layer]) => by_panels(layers, layer).unwrap_or_else(|| together(layers, part, options)),
                (1, _) => estimated(layers, part, options).remove(0),
                _ => together(layers, part, options),
            };
            let part = &part[..choice.layers()];
            for _ in 0..3 {
                let others: Vec<Alternative> = alternatives(layers, part, &choice, options);
                if !others.is_empty() {
                    choice = apply(&choice, &others[draw(others.len())]);
                }
            }
            at += part.len();
            stages.push(choice);
        }
        tuning.insert(options.level, &run.problem, stages).expect("alternatives fit their level and their run");
    }
    tuning
}
