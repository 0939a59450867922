//! Networks that cannot be normalised.

use sartor_models::escape::line;
use sartor_models::weights::{Problem, list};

/// A network that could not be normalised: which node or tensor, which value, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NormalizeError {
    /// Tensors are missing, of the wrong shape, or have or give values that are NaN or infinite.
    #[error("the weights do not fit network '{}':{}\ngive weights that were saved from this network", line(.network), list(.problems))]
    Tensors {
        /// The network's name.
        network: String,
        /// All tensors at fault.
        problems: Vec<Problem>,
    },
    /// An operator that has no layer where it stands.
    #[error("node '{}' is unsupported: {help}", line(.node))]
    Unsupported {
        /// The node's name.
        node: String,
        /// What would be supported.
        help: String,
    },
}
