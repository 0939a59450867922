//! The calls of a stage's units, in every way in which a unit can run.
//!
//! A thread runs a range of units. A unit is either the first of its range or follows the unit before it. If it follows one, it
//! finds the variables that are kept. Here it is proven that their values depend on the unit before alone, and not on where the
//! range began. So there are only these two ways in which a unit can run, however units are split over threads.

use crate::ir::stage::{Call, Stage, StageError};

/// A stage that cannot be executed, or whose kept variables depend on more than the unit before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitsError {
    /// An ill-formed stage.
    #[error("{stage}, unit {unit}: {error}")]
    Stage {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// What is wrong.
        error: StageError,
    },
    /// A kept variable whose value depends on where the range began.
    #[error("{stage}, unit {unit}: leaves {variable} at {first} as the first of its range, and at {after} after another unit")]
    Remembers {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The variable.
        variable: String,
        /// Its value after the unit as the first of a range.
        first: usize,
        /// Its value after the unit as a later one.
        after: usize,
    },
}

/// The calls of a unit.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The calls as the first of its range.
    pub first: Vec<Call>,
    /// The calls after the unit before it; `None` if they are the same.
    pub after: Option<Vec<Call>>,
}

impl Unit {
    /// All its calls: those as the first, then those after another unit.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.first.iter().chain(self.after.iter().flatten())
    }
}

/// All units of a stage.
pub fn of(stage: &Stage) -> Result<Vec<Unit>, UnitsError> {
    let mut units: Vec<Unit> = Vec::with_capacity(stage.units);
    let mut before = stage.start();
    for unit in 0..stage.units {
        let ill_formed = |error| UnitsError::Stage { stage: stage.name.clone(), unit, error };
        let mut kept = stage.start();
        let first = stage.unit(unit, &mut kept).map_err(ill_formed)?;
        let after = if before == stage.start() {
            None
        } else {
            let calls = stage.unit(unit, &mut before).map_err(ill_formed)?;
            if let Some(((variable, first), after)) = kept.iter().zip(before.values()).find(|((_, a), b)| a != b) {
                let (stage, variable) = (stage.name.clone(), variable.clone());
                return Err(UnitsError::Remembers { stage, unit, variable, first: *first, after: *after });
            }
            (calls != first).then_some(calls)
        };
        before = kept;
        units.push(Unit { first, after });
    }
    Ok(units)
}
