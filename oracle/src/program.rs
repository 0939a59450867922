//! Compiled programs of many networks in one library.

use std::collections::BTreeMap;

use sartor::{Model, Tunings};
use sartor_kernels::runtime::Level;
use sartor_models::{Network, NodeId, Weights};
use tch::Tensor;

use crate::observe;

/// Programs of many networks for one level, built as one library.
pub struct Programs(Vec<Model>);

impl Programs {
    /// Builds the programs of networks.
    ///
    /// # Errors
    /// If a network cannot be compiled: why.
    pub fn build(level: Level, networks: &[(&Network, &Weights)], tunings: &Tunings) -> Result<Self, String> {
        own_cache();
        Model::open_together(networks, level, tunings).map(Self).map_err(|error| error.to_string())
    }

    /// The values that the program of a network keeps, by the network's index in the list that was built.
    ///
    /// # Errors
    /// As [`observe::values`].
    pub fn values(&self, index: usize, network: &Network, input: &[f32]) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let model = &self.0[index];
        observe::values(model.program(), &model.planned().plan, network, input)
    }
}

/// Makes this process keep programs in this workspace's `target` instead of the user's cache.
fn own_cache() {
    sartor::files::cache_folder::set(concat!(env!("CARGO_MANIFEST_DIR"), "/target/cache"));
}
