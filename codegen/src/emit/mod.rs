//! Prints a program as a Rust crate: one file a level, the packed weights, the vendored runtime. The same input gives the same
//! bytes, and the text is as rustfmt would leave it.

mod files;
mod kernel;
mod level;
mod package;
mod stage;
mod text;

use std::path::PathBuf;

use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use crate::ir::kernel::Kernel;
use crate::network::layers::Layers;
use crate::network::normalize::{NormalizeError, normalize};
use crate::network::pack::pack;
use crate::schedule::tuning::Choice;
use crate::schedule::{self, Options, Plan, PlanError};

pub use package::{Package, PackageError};

/// What is built from the generated sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A program that reads an input file and prints classes.
    Bin,
    /// A library crate for other Rust code.
    Lib,
    /// A dynamic library with the symbol `sartor_program`.
    Dylib,
}

/// A generated crate.
#[derive(Clone, Debug)]
pub struct Generated {
    /// Paths relative to the crate's folder, and contents.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// One plan a level, in the order asked for.
    pub plans: Vec<Plan>,
}

/// Why no crate was generated.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GenerateError {
    /// The network cannot be normalised.
    #[error(transparent)]
    Normalize(#[from] NormalizeError),
    /// The network cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The crate cannot be called so.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// No level was asked for.
    #[error("no level to compile for: name at least one of avx512, avx2, neon, portable")]
    NoLevels,
}

/// The text of kernels alone, as it is in a program, for those who call them one by one. Names must be distinct. Nothing is proven of them:
/// the functions are `unsafe`, and who calls one vouches for its buffers.
pub fn kernels(level: Level, kernels: &[Kernel]) -> String {
    level::print_kernels(level, kernels)
}

/// Generates the crate of a network.
///
/// # Errors
/// If the network holds what no kernel exists for, its weights are missing, or the plan is too large.
pub fn generate(
    network: &Network,
    weights: &Weights,
    levels: &[Level],
    batch: usize,
    kind: Kind,
) -> Result<Generated, GenerateError> {
    let options: Vec<Options> = levels.iter().map(|&level| Options::new(level)).collect();
    generate_for(network, weights, &options, batch, &kind.into())
}

/// Generates the crate of a network with a level for each of `options`. Its shapes are those of `batch` images.
///
/// # Errors
/// If the network holds what no kernel exists for, its weights are missing, the plan is too large, or Cargo would not take the package.
pub fn generate_for(
    network: &Network,
    weights: &Weights,
    options: &[Options],
    batch: usize,
    package: &Package,
) -> Result<Generated, GenerateError> {
    if options.is_empty() {
        return Err(GenerateError::NoLevels);
    }
    package.check()?;
    schedule::check_batch(network, batch)?;
    let layers = normalize(network, weights)?;
    let packed = pack(&layers);
    let plans = options.iter().map(|options| schedule::plan(&layers, &packed, options.clone()));
    let plans = plans.collect::<Result<Vec<Plan>, PlanError>>()?;
    let files = files::files(network, &plans, &packed, batch, package);
    Ok(Generated { files, plans })
}

/// The crate, as a dynamic library, of a program that is no whole network's: see [`schedule::trial`].
///
/// # Errors
/// As [`schedule::trial`].
pub fn trial(
    network: &Network,
    layers: &Layers,
    options: &Options,
    stages: &[(Vec<usize>, Choice)],
) -> Result<Generated, PlanError> {
    let (plan, packed) = schedule::trial(layers, options, stages)?;
    let plans = vec![plan];
    Ok(Generated { files: files::files(network, &plans, &packed, 1, &Kind::Dylib.into()), plans })
}
