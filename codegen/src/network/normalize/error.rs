//! Networks that cannot be normalised.

use sartor_models::escape::line;
use sartor_models::weights::{Problem, list};

/// Why a network could not be normalised: which node or tensor, which value, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NormalizeError {
    /// Tensors are missing, have the wrong shape, or hold values that are NaN or infinite or become so by folding.
    #[error("the weights do not fit network '{}':{}\ngive weights that were saved from this network", line(.network), list(.problems))]
    Tensors {
        /// The network's name.
        network: String,
        /// All tensors at fault.
        problems: Vec<Problem>,
    },
    /// An operator that no layer can compute in this position.
    #[error("node '{}' is unsupported: {help}", line(.node))]
    Unsupported {
        /// The node's name.
        node: String,
        /// What is supported instead.
        help: String,
    },
}
