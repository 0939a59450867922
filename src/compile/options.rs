//! What to compile, and for what.

use sartor_codegen::emit::{Kind, Package};
use sartor_kernels::runtime::Level;

use crate::tuning::Tunings;

/// What to compile.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Levels the program holds; it chooses among them when it starts.
    pub levels: Vec<Level>,
    /// Images that the crate's program takes; its sessions take any number.
    pub batch: usize,
    /// Threads that are to find work in every stage of an image, 1 to [`MAX_THREADS`](sartor_kernels::runtime::session::MAX_THREADS); its sessions take any number.
    pub threads: usize,
    /// What to build.
    pub kind: Kind,
    /// What measuring chose; where it chose nothing, the cost model does.
    pub tunings: Tunings,
    /// The crate's name, held to Cargo's rules; [`None`] makes one of the network's.
    pub name: Option<String>,
    /// The crate's version; [`None`] for 0.1.0 and, behind a `+`, a digest of the crate, so that one program can hold several of one name.
    pub version: Option<String>,
    /// The crate's description; [`None`] for the network's name.
    pub description: Option<String>,
    /// Whether a library is a workspace of its own, as programs always are. Otherwise it can be a member of the user's.
    pub standalone: bool,
}

/// What `sartor compile` does without options: a program for one image and all levels, cut for two threads. But for the tunings, which are
/// the shipped ones: the command takes those that are [installed](Tunings::installed).
impl Default for CompileOptions {
    fn default() -> Self {
        let mut levels = Level::ALL.to_vec();
        levels.reverse();
        Self {
            levels,
            batch: 1,
            threads: 2,
            kind: Kind::Bin,
            tunings: Tunings::default(),
            name: None,
            version: None,
            description: None,
            standalone: false,
        }
    }
}

impl CompileOptions {
    pub(super) fn package(&self) -> Package {
        let Self { kind, standalone, .. } = *self;
        Package {
            kind,
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            standalone,
        }
    }
}
