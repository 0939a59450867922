//! Compiled programs against the f64 reference, layer by layer.

use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use crate::CompileError;

/// How one layer of a compiled program compares with the reference on the same inputs.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// The layer's name.
    pub name: String,
    /// Its problem in one line.
    pub problem: String,
    /// The kernel's name.
    pub kernel: String,
    /// Largest absolute difference from the reference.
    pub error: f64,
    /// Largest difference that rounding explains.
    pub bound: f64,
}

impl Verdict {
    /// Whether the error is within the bound; never for NaN.
    pub fn holds(&self) -> bool {
        self.error <= self.bound
    }
}

/// A network that could not be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It cannot be compiled or loaded.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Not written yet.
    #[error("verifying {network} at level {level} is not part of this build")]
    Unavailable {
        /// The network.
        network: String,
        /// The level.
        level: Level,
    },
}

/// Runs every layer of the compiled program against the f64 reference on the same inputs.
///
/// # Errors
/// If the network cannot be compiled or its layers cannot be observed.
pub fn verify(network: &Network, _weights: &Weights, level: Level) -> Result<Vec<Verdict>, VerifyError> {
    Err(VerifyError::Unavailable { network: network.name.clone(), level })
}
