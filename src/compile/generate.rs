//! The end of the road: a crate that computes one network.

use std::path::PathBuf;

use sartor_codegen::emit;
use sartor_codegen::emit::{GenerateError, Kind, Package};
use sartor_codegen::plan::Options;
use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use super::planned::Planned;
use crate::tuning::Tunings;

/// A generated crate.
#[derive(Clone, Debug, Default)]
pub struct Generated {
    /// Paths relative to the crate, and contents.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// What was planned, one for each level in the order asked for.
    pub plans: Vec<Planned>,
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
    let generated = emit::generate_for(network, weights, &options, batch, package)?;
    Ok(Generated { files: generated.files, plans: generated.plans.into_iter().map(Planned::from).collect() })
}

/// How a level computes a network, whether this CPU has it or not.
///
/// # Errors
/// If the network cannot be compiled.
pub fn plan(network: &Network, weights: &Weights, level: Level, tunings: &Tunings) -> Result<Planned, GenerateError> {
    let mut generated = generate(network, weights, &[level], 1, 1, &Kind::Lib.into(), tunings)?;
    Ok(generated.plans.pop().expect("one plan for one level"))
}
