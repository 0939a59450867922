//! Why tuning stopped.

use sartor_codegen::normalize::NormalizeError;
use sartor_codegen::plan::PlanError;
use sartor_kernels::runtime::SessionError;

use crate::compile::CompileError;

/// Why tuning stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The network cannot be normalised.
    #[error(transparent)]
    Normalize(#[from] NormalizeError),
    /// A way to compute a problem cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A trial was not built or loaded.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A trial cannot be run.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A defect of the compiler.
    #[error("a way to compute a layer gives another result than the others, please report this: {choice}")]
    Differs {
        /// The way.
        choice: String,
    },
}
