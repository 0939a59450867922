//! What a library says that it is.

/// The name, the version and the hash of a library.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What its functions begin with, and what the library and the Python module are called.
    pub name: String,
    /// Its version, as Cargo has it.
    pub version: String,
    /// A digest of the network's code and weights.
    pub hash: String,
}
