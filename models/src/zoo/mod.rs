//! The networks of the project. Each family has a file, with a function from its parameters to a network.
//!
//! ```
//! use sartor_models::zoo::Spec;
//!
//! let spec: Spec = "mobilenet_v2_x1.4@320x256".parse()?;
//! let network = spec.with_classes(10).build()?;
//! assert_eq!(network.input_shape().to_string(), "3x320x256");
//! # Ok::<(), sartor_models::zoo::ZooError>(())
//! ```
//!
//! Some families have two definitions whose parameters have the same names and shapes. Each is a [`Variant`].
//!
//! Nodes with parameters have the names of the state dict that users have (torchvision's, timm's, or the published class's), so
//! that its tensors can be used as they are.

mod chain;
mod efficientnet;
mod error;
mod mobilenet_v1;
mod mobilenet_v2;
mod parse;
mod rexnet;
mod rexnet_compact;
mod rexnet_lite;
mod rexnet_plain;
mod shufflenet_v1;
mod spec;
mod timm;
mod variant;

pub use error::ZooError;
use spec::Alias;
pub use spec::{Entry, Spec};
pub use variant::{UnknownVariant, Variant};

/// The other namings of the family that the network of this name belongs to.
pub(crate) fn aliases(network: &str) -> &'static [Alias] {
    let family = entries().iter().filter(|entry| network.starts_with(entry.family)).max_by_key(|entry| entry.family.len());
    family.map_or(&[], |entry| entry.aliases)
}

static ENTRIES: [Entry; 13] = [
    mobilenet_v1::ENTRY,
    mobilenet_v2::ENTRY,
    rexnet::ENTRY,
    rexnet_lite::ENTRY,
    rexnet_plain::ENTRY,
    rexnet_compact::ENTRY,
    shufflenet_v1::PAPER,
    shufflenet_v1::SEED,
    efficientnet::B0,
    efficientnet::B1,
    efficientnet::B2,
    efficientnet::B3,
    rexnet_lite::DIGITS,
];

/// All families.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// The names of all networks at their default width, which [`Spec`] parses.
pub fn defaults() -> Vec<String> {
    entries().iter().flat_map(Entry::defaults).map(|spec| spec.to_string()).collect()
}
