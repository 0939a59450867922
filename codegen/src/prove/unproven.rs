//! Why a plan is refused.

use super::alignment::AlignmentError;
use super::bounds::BoundsError;
use super::disjoint::DisjointError;
use super::initialised::InitialisedError;
use super::liveness::LivenessError;
use super::outputs::OutputError;
use super::overflow::OverflowError;
use super::padding::PaddingError;
use super::scope::ScopeError;
use super::units::UnitsError;

/// Why a plan is refused: a defect of the compiler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum Unproven {
    /// A kernel does not make sense.
    Scope(#[from] ScopeError),
    /// An access or a call leaves its memory.
    Bounds(#[from] BoundsError),
    /// An index does not fit its type.
    Overflow(#[from] OverflowError),
    /// A vector access is not aligned.
    Alignment(#[from] AlignmentError),
    /// A stage does not run, or its units remember too much.
    Units(#[from] UnitsError),
    /// Maps are in each other's way.
    Liveness(#[from] LivenessError),
    /// Units are in each other's way.
    Disjoint(#[from] DisjointError),
    /// Something is read that was not written.
    Initialised(#[from] InitialisedError),
    /// Pad lanes are not zero.
    Padding(#[from] PaddingError),
    /// The results are not there.
    Output(#[from] OutputError),
}
