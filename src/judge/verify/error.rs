//! Errors of verifying a network.

use sartor_codegen::compile::PlanError;
use sartor_codegen::network::normalize::NormalizeError;
use sartor_kernels::runtime::SessionError;

use crate::compile::CompileError;
use crate::judge::engines::EngineError;

/// A network cannot be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It cannot be compiled or loaded.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The weights to verify against are not the network's.
    #[error(transparent)]
    Normalize(#[from] NormalizeError),
    /// The reference cannot run it.
    #[error(transparent)]
    Reference(#[from] EngineError),
    /// The program cannot be run.
    #[error(transparent)]
    Session(#[from] SessionError),
}
