//! What measuring chose: how each problem is split into stages, units and tiles. A choice changes how fast a program is, and
//! never which terms it sums in which order.

use std::collections::BTreeMap;

use sartor_kernels::runtime::Level;

pub use crate::lower::tile::Tile;
use crate::lower::tile::most_rows;
use crate::network::line::BETWEEN;
pub use crate::ops::choice::{Choice, LayerChoice, PanelsChoice};

/// The stages that were chosen for every problem that was measured, at one level on one kind of machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tuning(BTreeMap<String, Vec<Choice>>);

/// A choice that cannot be used: it was written by another version, or by hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("problem '{problem}': {what}")]
pub struct Unusable {
    /// The problem.
    pub problem: String,
    /// What is wrong with what was chosen for it.
    pub what: String,
}

/// The largest number of rows or panels that a choice may name: more than any map has.
const MOST: usize = 1 << 20;

impl Tuning {
    /// What was chosen for a problem.
    pub fn get(&self, problem: &str) -> Option<&[Choice]> {
        self.0.get(problem).map(Vec::as_slice)
    }

    /// All problems and what was chosen for them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Choice])> {
        self.0.iter().map(|(problem, stages)| (problem.as_str(), stages.as_slice()))
    }

    /// Number of problems.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was chosen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets what was chosen for a problem at a level, in place of an earlier choice.
    ///
    /// # Errors
    /// If it is not for as many layers as the problem has, or does not fit this level's registers.
    pub fn insert(&mut self, level: Level, problem: &str, stages: Vec<Choice>) -> Result<(), Unusable> {
        let unusable = |what: String| Err(Unusable { problem: problem.into(), what });
        let layers = problem.split(BETWEEN).count();
        let chosen: usize = stages.iter().map(Choice::layers).sum();
        if chosen != layers || stages.iter().any(|stage| stage.layers() == 0) {
            return unusable(format!("its stages have {chosen} layers, it has {layers}"));
        }
        for tile in stages.iter().flat_map(Choice::tiles) {
            let Tile { panels, pixels } = tile;
            if panels == 0 || pixels == 0 || panels > MOST || pixels > most_rows(level, panels) {
                return unusable(format!("a tile of {pixels} pixels by {panels} panels does not fit the registers of {level}"));
            }
        }
        let sizes = |stage: &Choice| match stage {
            Choice::Rows { strip, layers } => std::iter::once(*strip)
                .chain(layers.iter().flat_map(|layer| [layer.rows, layer.columns]).flatten())
                .collect::<Vec<_>>(),
            Choice::Panels(how) => how.panels.into_iter().chain(how.ahead.map(|ahead| ahead + 1)).collect(),
        };
        if let Some(size) = stages.iter().flat_map(sizes).find(|size| !(1..=MOST).contains(size)) {
            return unusable(format!("{size} is no number of rows, panels or units: use 1 to {MOST}"));
        }
        self.0.insert(problem.into(), stages);
        Ok(())
    }
}
