//! Errors of tuning.

use sartor_codegen::compile::PlanError;
use sartor_codegen::network::normalize::NormalizeError;
use sartor_kernels::runtime::SessionError;

use crate::compile::CompileError;

/// Tuning stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The network cannot be normalised.
    #[error(transparent)]
    Normalize(#[from] NormalizeError),
    /// A candidate cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A trial program cannot be built or loaded.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A trial program cannot be run.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Two candidates compute different results: a defect of the compiler.
    #[error(
        "two ways to compute the same layers give different results, which is a defect of sartor: please report it; the second is {choice}"
    )]
    Differs {
        /// The candidate with the other result.
        choice: String,
    },
}
