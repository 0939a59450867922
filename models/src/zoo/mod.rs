//! The networks of the project: one file a family, each a function of its parameters.
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
//! Of some families there are two definitions whose parameters have the same names and shapes, each a [`Variant`].
//!
//! Nodes with parameters bear the names of the state dict that users have (torchvision's, timm's, or the published class's),
//! so that parameters map directly.

mod chain;
mod efficientnet;
mod mobilenet_v1;
mod mobilenet_v2;
mod rexnet;
mod rexnet_compact;
mod rexnet_lite;
mod rexnet_plain;
mod shufflenet_v1;
mod spec;
mod timm;
mod variant;

use crate::graph::{GraphError, Network};
pub use spec::Spec;
pub use variant::{UnknownVariant, Variant};

/// A family of networks.
#[derive(Debug)]
pub struct Entry {
    /// The name that specifications begin with, for example `rexnet_lite`.
    pub family: &'static str,
    /// What it is, in one line.
    pub description: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    width: f64,
    resolution: (usize, usize),
    classes: usize,
    /// Group counts it is defined for; empty if it has no such parameter.
    groups: &'static [usize],
    default_groups: usize,
    variants: &'static [Variant],
    /// Whether the name states the width even where it is the default.
    names_width: bool,
    /// Whether kernel sizes may be chosen per stage.
    kernel_conf: bool,
    build: fn(&Spec) -> Result<Network, GraphError>,
    /// Other names that its parameters go by.
    pub(crate) aliases: &'static [Alias],
}

/// A naming of parameters other than the network's own.
#[derive(Debug)]
pub(crate) struct Alias {
    /// Whose names they are.
    pub label: &'static str,
    /// The name there of a parameter of ours.
    pub rename: fn(&str) -> String,
    /// Whether networks that compute something else have the same names and shapes.
    pub shared: bool,
}

/// The namings of the family whose network has this name, other than its own.
pub(crate) fn aliases(network: &str) -> &'static [Alias] {
    let family = entries().iter().filter(|entry| network.starts_with(entry.family)).max_by_key(|entry| entry.family.len());
    family.map_or(&[], |entry| entry.aliases)
}

impl Entry {
    /// An entry for 224x224 input and 1000 classes, without groups.
    const fn new(
        family: &'static str,
        description: &'static str,
        source: &'static str,
        build: fn(&Spec) -> Result<Network, GraphError>,
    ) -> Self {
        Self {
            family,
            description,
            source,
            width: 1.0,
            resolution: (224, 224),
            classes: 1000,
            groups: &[],
            default_groups: 1,
            variants: &[],
            names_width: true,
            kernel_conf: false,
            build,
            aliases: &[],
        }
    }

    /// The definitions that it is built by, the first if none is asked for; empty if there is but one.
    pub fn variants(&self) -> &'static [Variant] {
        self.variants
    }

    /// The family at its default width and resolution, once for each of its group counts.
    pub fn defaults(&'static self) -> Vec<Spec> {
        let spec = Spec::of(self);
        if self.groups.is_empty() {
            return vec![spec];
        }
        self.groups.iter().map(|&groups| spec.clone().with_groups(groups)).collect()
    }
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

/// Names of all networks at their default width, as parsed by [`Spec`].
pub fn defaults() -> Vec<String> {
    entries().iter().flat_map(Entry::defaults).map(|spec| spec.to_string()).collect()
}

/// A network that the zoo cannot make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZooError {
    /// No family has this name.
    #[error("there is no network '{}': did you mean '{nearest}'?", crate::escape::line(.name))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The family or default network with the most similar name.
        nearest: String,
    },
    /// A parameter is out of range or not one of the family's.
    #[error("network '{network}': {attribute} is {}: {help}", crate::escape::line(.value))]
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
