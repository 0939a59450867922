//! The calls of a stage's units, in every situation that a unit can be in.
//!
//! A thread runs a range of units. A unit is either the first of its range, or follows the one before it; in the second case
//! it finds the variables that are kept. Here it is proven that these depend on the unit before alone, not on where the range
//! began, so that the two ways are all there are, however units are split over threads.

use crate::ir::stage::{Call, Stage, StageError};

/// A stage that does not run, or whose units remember too much.
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

/// What a unit calls.
#[derive(Clone, Debug)]
pub struct Unit {
    /// As the first of its range.
    pub first: Vec<Call>,
    /// After the unit before it, where that makes a difference.
    pub after: Option<Vec<Call>>,
}

impl Unit {
    /// Its calls, one way after the other.
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
