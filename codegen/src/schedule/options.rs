//! What a plan depends on besides the network.

use std::sync::Arc;

use sartor_kernels::runtime::Level;

use super::tuning::Tuning;
use crate::layout::L2;

/// What a plan depends on besides the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The level.
    pub level: Level,
    /// Images of an inference.
    pub batch: usize,
    /// How many bytes of second-level cache a core has to itself.
    pub l2: usize,
    /// Whether layers may share a stage.
    pub fuse: bool,
    /// How many threads must find work in every stage of a pass, if its map is large enough.
    pub threads: usize,
    /// Whether 3x3 convolutions are computed by Winograd's tiles where that is worth it. The levels of a crate share their weights: if
    /// one of them does so, all do.
    pub winograd: bool,
    /// What measuring chose. The cost model decides everything else.
    pub tuning: Arc<Tuning>,
}

impl Options {
    /// The usual options for a level: one image, 1 MiB of second-level cache, fusion, two threads, Winograd
    /// convolutions, no tuning.
    pub fn new(level: Level) -> Self {
        Self { level, batch: 1, l2: L2, fuse: true, threads: 2, winograd: true, tuning: Arc::default() }
    }

    /// The same options, with work for at least this many threads.
    #[must_use]
    pub fn shared_by(self, threads: usize) -> Self {
        Self { threads: self.threads.max(threads), ..self }
    }
}
