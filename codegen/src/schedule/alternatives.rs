//! The ways to compute a stage, among which measuring chooses, and the cost that the cost model expects of each.

use std::collections::BTreeSet;

use super::cost::cycles;
use super::options::Options;
use super::partition::{self, Group};
use crate::layout::{PANEL, padded};
use crate::network::layers::{LayerId, Layers};
use crate::network::line::problem;
use crate::ops::Role;
use crate::schedule::tuning::{Choice, LayerChoice, PanelsChoice};

/// Layers that may share stages. How they are computed is chosen for all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The key under which a tuning holds what was chosen.
    pub problem: String,
    /// Indices of the layers, in order.
    pub layers: Vec<LayerId>,
}

/// The runs of a network for which there is something to choose, in order.
pub fn runs(layers: &Layers, options: &Options) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut next = LayerId(0);
    while next < layers.end() {
        let run = partition::run(layers, next, options);
        next = next + run.len();
        let chosen = |&layer: &LayerId| layers[layer].op.role() != Role::Alone;
        if run.iter().all(chosen) {
            runs.push(Run { problem: problem(layers, &run, options.batch), layers: run });
        }
    }
    runs
}

/// The stages that the cost model makes of consecutive layers of a run.
pub fn estimated(layers: &Layers, run: &[LayerId], options: &Options) -> Vec<Choice> {
    let mut stages = Vec::new();
    let mut at = 0;
    while at < run.len() {
        let stage = match partition::estimated(layers, run[at], options) {
            Group::Panels { how, .. } => Choice::Panels(how),
            group => together(layers, &run[at..run.len().min(at + group.layers().len())], options),
        };
        at += stage.layers();
        stages.push(stage);
    }
    stages
}

/// How the cost model would compute layers in one stage, by strips of rows.
pub fn together(layers: &Layers, stage: &[LayerId], options: &Options) -> Choice {
    Choice::Rows { strip: partition::strip(layers, stage, options.threads), layers: vec![LayerChoice::default(); stage.len()] }
}

/// A layer as a stage by itself, split along its output lanes; `None` if that is not possible.
pub fn by_panels(layers: &Layers, layer: LayerId) -> Option<Choice> {
    let choice = Choice::Panels(Default::default());
    matches!(partition::group(layers, &[layer], &choice, 1), Group::Panels { .. }).then_some(choice)
}

/// One thing that can be chosen for a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aspect {
    /// Output rows of a unit.
    Strip,
    /// Output rows of a call, for the layer with this index in the stage.
    Rows(usize),
    /// The register tile, for the layer with this index in the stage.
    Tile(usize),
    /// Columns of the register tile, for the layer with this index in the stage.
    Columns(usize),
    /// Panels of a unit.
    Panels,
    /// How far ahead weights are fetched.
    Ahead,
}

/// A stage with one aspect changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// What is changed.
    pub aspect: Aspect,
    /// The stage with the change.
    pub choice: Choice,
    /// The cost model's rough number of cycles for its arithmetic.
    pub cycles: f64,
}

/// All other values of each aspect of `from`. Strips that the threads would share less evenly are left out: measuring times one
/// thread, and would not see that.
pub fn alternatives(layers: &Layers, stage: &[LayerId], from: &Choice, options: &Options) -> Vec<Alternative> {
    let mut changes: Vec<(Aspect, Choice)> = Vec::new();
    match from {
        Choice::Rows { strip, layers: how } => {
            let last = &layers[layers[stage[stage.len() - 1]].dst()];
            let strips = [1, 2, strip / 2, strip * 2, strip * 4].map(|strip| strip.clamp(1, last.h));
            let shared = partition::longest_share(last.h, *strip, options.threads);
            for new in BTreeSet::from(strips) {
                if new == *strip || partition::longest_share(last.h, new, options.threads) > shared {
                    continue;
                }
                changes.push((Aspect::Strip, Choice::Rows { strip: new, layers: how.clone() }));
            }
            for (at, &layer) in stage.iter().enumerate() {
                let mut change = |aspect, new: LayerChoice| {
                    let mut how = how.clone();
                    how[at] = new;
                    changes.push((aspect, Choice::Rows { strip: *strip, layers: how }));
                };
                let dst = &layers[layers[layer].dst()];
                let is_window = layers[layer].op.role() == Role::Sliding;
                let is_inner = layers[layer].is_pointwise() && at + 1 < stage.len();
                if is_window || is_inner {
                    for rows in [1, 2, 4].into_iter().filter(|&rows| rows <= dst.h && Some(rows) != how[at].rows) {
                        change(Aspect::Rows(at), LayerChoice { rows: Some(rows), ..how[at] });
                    }
                }
                if is_window {
                    for columns in [4, 7].into_iter().filter(|&columns| columns <= dst.w && Some(columns) != how[at].columns) {
                        change(Aspect::Columns(at), LayerChoice { columns: Some(columns), ..how[at] });
                    }
                }
                for tile in layers[layer].op.tiles(options.level, dst.w).into_iter().filter(|&tile| Some(tile) != how[at].tile) {
                    change(Aspect::Tile(at), LayerChoice { tile: Some(tile), ..how[at] });
                }
            }
        }
        Choice::Panels(how) => {
            let dst = &layers[layers[stage[0]].dst()];
            let all = padded(dst.c) / PANEL;
            let is_pointwise = layers[stage[0]].is_pointwise();
            let pixels = if is_pointwise { dst.h * dst.w * options.batch } else { dst.w };
            for panels in [1, 2, 3, 4, 8].into_iter().filter(|&panels| panels <= all && Some(panels) != how.panels) {
                changes.push((Aspect::Panels, Choice::Panels(PanelsChoice { panels: Some(panels), ..*how })));
            }
            for ahead in [0, 2].into_iter().filter(|&ahead| is_pointwise && Some(ahead) != how.ahead) {
                changes.push((Aspect::Ahead, Choice::Panels(PanelsChoice { ahead: Some(ahead), ..*how })));
            }
            for tile in layers[stage[0]].op.tiles(options.level, pixels).into_iter().filter(|&tile| Some(tile) != how.tile) {
                changes.push((Aspect::Tile(0), Choice::Panels(PanelsChoice { tile: Some(tile), ..*how })));
            }
        }
    }
    let priced = |(aspect, choice): (Aspect, Choice)| {
        let cycles = cycles(layers, stage, &choice, options);
        Alternative { aspect, choice, cycles }
    };
    changes.into_iter().map(priced).collect()
}

/// Makes the change of an alternative to another choice for the same layers.
#[must_use]
pub fn apply(choice: &Choice, alternative: &Alternative) -> Choice {
    match (choice.clone(), &alternative.choice, alternative.aspect) {
        (Choice::Rows { layers, .. }, Choice::Rows { strip, .. }, Aspect::Strip) => Choice::Rows { strip: *strip, layers },
        (Choice::Rows { strip, mut layers }, Choice::Rows { layers: new, .. }, aspect) => {
            match aspect {
                Aspect::Rows(at) => layers[at].rows = new[at].rows,
                Aspect::Tile(at) => layers[at].tile = new[at].tile,
                Aspect::Columns(at) => layers[at].columns = new[at].columns,
                Aspect::Strip | Aspect::Panels | Aspect::Ahead => {}
            }
            Choice::Rows { strip, layers }
        }
        (Choice::Panels(mut how), Choice::Panels(new), aspect) => {
            match aspect {
                Aspect::Panels => how.panels = new.panels,
                Aspect::Ahead => how.ahead = new.ahead,
                _ => how.tile = new.tile,
            }
            Choice::Panels(how)
        }
        (choice, ..) => choice,
    }
}
