//! Errors of building a network of the zoo.

use crate::escape::line;
use crate::graph::GraphError;

/// The zoo cannot build the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZooError {
    /// No family has this name.
    #[error("there is no network '{}': did you mean '{nearest}'?", line(.name))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The family or default network with the most similar name.
        nearest: String,
    },
    /// A parameter is out of range, or the family does not have it.
    #[error("network '{network}': {attribute} is {}: {help}", line(.value))]
    Parameter {
        /// The family.
        network: String,
        /// The parameter at fault.
        attribute: &'static str,
        /// The value it has.
        value: String,
        /// What would be valid.
        help: String,
    },
    /// The parameters are in range, but lead to a graph that is not valid.
    #[error("network '{network}' cannot be built: {fault}")]
    Graph {
        /// The specification.
        network: String,
        /// The node at fault.
        fault: GraphError,
    },
}
