//! Why the zoo cannot make a network.

use crate::escape::line;
use crate::graph::GraphError;

/// A network that the zoo cannot make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZooError {
    /// No family has this name.
    #[error("there is no network '{}': did you mean '{nearest}'?", line(.name))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The family or default network with the most similar name.
        nearest: String,
    },
    /// A parameter is out of range or not one of the family's.
    #[error("network '{network}': {attribute} is {}: {help}", line(.value))]
    Parameter {
        /// The family.
        network: String,
        /// The parameter at fault.
        attribute: &'static str,
        /// The value it has.
        value: String,
        /// What would be right.
        help: String,
    },
    /// The parameters are in range but give no valid graph.
    #[error("network '{network}' cannot be built: {fault}")]
    Graph {
        /// The specification.
        network: String,
        /// The node at fault.
        fault: GraphError,
    },
}
