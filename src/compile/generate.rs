//! Plans a network for this machine's tunings and generates its crate.

use std::path::PathBuf;

use sartor_codegen::compile;
use sartor_codegen::compile::{GenerateError, Kind, Package};
use sartor_codegen::schedule::Options;
use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use super::planned::Planned;
use crate::tuning::Tunings;

/// A generated crate.
#[derive(Clone, Debug, Default)]
pub struct Generated {
    /// The path of each file in the crate, and its contents.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// One plan a level, in the order of the levels asked for; of several networks, one a network.
    pub plans: Vec<Planned>,
}

/// Plans a network for each of `levels` with this machine's tunings, and generates the crate of a program that takes `batch` images. Every
/// stage is split for `threads` threads, and for two at least.
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
    let options = |&level: &Level| tunings.options(level).shared_by(threads);
    let options: Vec<Options> = levels.iter().map(options).collect();
    let generated = compile::generate_for(network, weights, &options, batch, package)?;
    Ok(Generated { files: generated.files, plans: generated.plans.into_iter().map(Planned::from).collect() })
}

/// Plans several networks for a level, and generates the crate of all their programs. Its plans are in the order of the networks.
///
/// # Errors
/// As [`generate`], of any of them.
pub fn together(networks: &[(&Network, &Weights)], level: Level, tunings: &Tunings) -> Result<Generated, GenerateError> {
    let options = tunings.options(level);
    let generated = compile::together(networks, &options)?;
    Ok(Generated { files: generated.files, plans: generated.plans.into_iter().map(Planned::from).collect() })
}

/// Plans a network for a level, whether this CPU has the level or not.
///
/// # Errors
/// If the network cannot be compiled.
pub fn plan(network: &Network, weights: &Weights, level: Level, tunings: &Tunings) -> Result<Planned, GenerateError> {
    let mut generated = generate(network, weights, &[level], 1, 1, &Kind::Lib.into(), tunings)?;
    Ok(generated.plans.pop().expect("one plan for one level"))
}
