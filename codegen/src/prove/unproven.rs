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
    /// A kernel is not well formed.
    Scope(#[from] ScopeError),
    /// An access or a call leaves its memory.
    Bounds(#[from] BoundsError),
    /// An index does not fit its type.
    Overflow(#[from] OverflowError),
    /// A vector access is not aligned.
    Alignment(#[from] AlignmentError),
    /// A stage cannot be executed, or its kept variables depend on more than the unit before.
    Units(#[from] UnitsError),
    /// Two maps need the same memory at the same time, or a call leaves its maps.
    Liveness(#[from] LivenessError),
    /// Two units or two buffers share memory that is written.
    Disjoint(#[from] DisjointError),
    /// Something is read that was not written, or units give other results after other units.
    Initialised(#[from] InitialisedError),
    /// Pad lanes are not zero.
    Padding(#[from] PaddingError),
    /// The results cannot be returned.
    Output(#[from] OutputError),
}
