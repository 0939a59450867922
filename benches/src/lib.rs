//! What the benches measure: single layers taken from the zoo's own graphs, computed by each of the three engines.

mod engine;
mod problem;

pub use engine::{Engine, Runner};
pub use problem::{Family, NETWORKS, Problem, Work, problems};

/// Leaves the user's own cache and tuning alone in this process.
pub fn own_cache() {
    sartor::files::cache_folder::set(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/benches"));
}
