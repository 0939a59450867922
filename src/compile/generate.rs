//! The end of the road: a crate that computes one network.

use std::path::PathBuf;

use sartor_codegen::compile;
pub use sartor_codegen::compile::{GenerateError, Kind, Package, PackageError};
use sartor_codegen::plan::Plan as Program;
use sartor_codegen::schedule::Options;
use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use crate::tuning::Tunings;

/// A generated crate.
#[derive(Clone, Debug, Default)]
pub struct Generated {
    /// Paths relative to the crate, and contents.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// What was planned, one for each level in the order asked for.
    pub plans: Vec<Plan>,
}

/// How one level computes the network.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The level.
    pub level: Level,
    /// Length of the arena in f32.
    pub arena_len: usize,
    /// Length of each thread's scratch memory in f32.
    pub scratch_len: usize,
    /// The program's stages, in order; the last one only copies results and has no layers.
    pub stages: Vec<PlannedStage>,
    /// Everything the compiler knows: maps, places, kernels.
    pub program: Program,
}

/// Layers executed together.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    /// For people.
    pub name: String,
    /// Its layers, in order.
    pub layers: Vec<PlannedLayer>,
}

/// One fused operator.
#[derive(Clone, Debug)]
pub struct PlannedLayer {
    /// Name of the network's node that does the work.
    pub name: String,
    /// The problem in oneDNN's notation.
    pub problem: String,
    /// The kernel's name, which is its specification; the one with most work if there are several.
    pub kernel: String,
    /// Multiply-accumulates of an image, without padding.
    pub macs: u64,
}

impl From<Program> for Plan {
    fn from(program: Program) -> Self {
        let mut stages: Vec<PlannedStage> =
            program.stages.iter().map(|_| PlannedStage { name: String::new(), layers: Vec::new() }).collect();
        for row in program.report() {
            let kernel = row.kernels.first().cloned().unwrap_or_default();
            let layer = PlannedLayer { name: row.name, problem: row.problem, kernel, macs: row.macs };
            stages[row.stage].layers.push(layer);
        }
        for stage in &mut stages {
            stage.name = match &stage.layers[..] {
                [] => String::new(),
                [only] => only.name.clone(),
                [first, .., last] => format!("{} .. {}", first.name, last.name),
            };
        }
        stages.push(PlannedStage { name: "outputs".into(), layers: Vec::new() });
        Self { level: program.level, arena_len: program.lengths.arena, scratch_len: program.lengths.scratch, stages, program }
    }
}

/// Plans a network for each of `levels`, as tuned for this machine, and writes the crate that computes `batch` images; `threads` are
/// to find work in every stage, fewer than two being planned for as two.
///
/// # Errors
/// If the network, its weights or the options cannot be compiled.
pub fn generate(
    network: &Network,
    weights: &Weights,
    levels: &[Level],
    batch: usize,
    threads: usize,
    package: &Package,
    tunings: &Tunings,
) -> Result<Generated, GenerateError> {
    let options = |&level: &Level| Options { tuning: tunings.of(level), ..Options::new(level).shared_by(threads) };
    let options: Vec<Options> = levels.iter().map(options).collect();
    let generated = compile::generate_for(network, weights, &options, batch, package)?;
    Ok(Generated { files: generated.files, plans: generated.plans.into_iter().map(Plan::from).collect() })
}
