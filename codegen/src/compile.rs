//! The road from a network and its weights to the files of a crate: normalise, pack, plan, prove, emit.

use std::path::PathBuf;

use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use crate::emit;
use crate::network::layers::{LayerId, Layers, Normalized};
use crate::network::normalize::{NormalizeError, normalize};
use crate::network::pack::{Packed, pack};
use crate::network::winograd;
use crate::plan::Plan;
use crate::prove::{self, Unproven};
use crate::schedule::tuning::Choice;
use crate::schedule::{self, Options, ScheduleError};

pub use crate::emit::{Input, InputsError, Kind, Package, PackageError, Pictures, is_keyword, symbol};

/// A generated crate.
#[derive(Clone, Debug)]
pub struct Generated {
    /// Paths relative to the crate's folder, and contents.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// One plan for each level, in the order asked for.
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
    /// Cargo does not take the crate's name or version, or the inputs are not the network's.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// No level was asked for.
    #[error("no level to compile for: name at least one of avx512, avx2, neon, portable")]
    NoLevels,
}

/// Why a plan was not made, or was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The network cannot be planned.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The plan could not be proven. This is a defect of the compiler, caught before anything is emitted.
    #[error("the compiler made a program that it cannot prove safe; please report this: {0}")]
    Unproven(#[from] Unproven),
}

/// The layers of a network, as all of its levels compute them.
///
/// # Errors
/// If no kernel exists for an operator of the network, or its weights are missing.
pub fn layers(network: &Network, weights: &Weights, options: &[Options]) -> Result<Normalized, NormalizeError> {
    let layers = normalize(network, weights)?;
    Ok(if options.iter().any(|options| options.winograd) { winograd::usual(&layers) } else { layers })
}

/// Plans a network and proves the plan.
///
/// # Errors
/// If the network is too large, or the proof fails.
pub fn plan(layers: &Layers, packed: &Packed, options: &Options) -> Result<Plan, PlanError> {
    let plan = schedule::plan(layers, packed, options)?;
    prove::plan(&plan, &packed.data)?;
    Ok(plan)
}

/// Generates the crate of a network.
///
/// # Errors
/// If no kernel exists for an operator of the network, its weights are missing, or the plan is too large.
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

/// Generates the crate of a network, with one level for each of `options`. Its shapes are those of `batch` images.
///
/// # Errors
/// If no kernel exists for an operator of the network, its weights are missing, the plan is too large, or Cargo would not take
/// the package.
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
    emit::check_inputs(&package.inputs, network).map_err(PackageError::from)?;
    schedule::check_batch(network, batch).map_err(PlanError::from)?;
    let layers = layers(network, weights, options)?;
    let packed = pack(&layers);
    let plans = options.iter().map(|options| plan(&layers, &packed, options));
    let plans = plans.collect::<Result<Vec<Plan>, PlanError>>()?;
    let files = emit::files(network, &plans, &packed, batch, package);
    Ok(Generated { files, plans })
}

/// Generates the crate of several networks as a dynamic library, all planned by the same options, for one image. [`symbol`] gives the program of
/// each. Its plans are in the order of the networks.
///
/// # Errors
/// As [`generate`], of any of them.
pub fn together(networks: &[(&Network, &Weights)], options: &Options) -> Result<Generated, GenerateError> {
    let planned = networks.iter().map(|(network, weights)| {
        let layers = layers(network, weights, std::slice::from_ref(options))?;
        let packed = pack(&layers);
        Ok((plan(&layers, &packed, options)?, packed))
    });
    let planned = planned.collect::<Result<Vec<(Plan, Packed)>, GenerateError>>()?;
    let programs: Vec<_> = networks.iter().zip(&planned).map(|((network, _), (plan, packed))| (*network, plan, packed)).collect();
    let files = emit::together(options.level, &programs);
    Ok(Generated { files, plans: planned.into_iter().map(|(plan, _)| plan).collect() })
}

/// Generates the crate of a trial as a dynamic library. A trial is a program that does not compute a whole network: see
/// [`schedule::trial`].
///
/// # Errors
/// As [`schedule::trial`].
pub fn trial(
    network: &Network,
    layers: &Normalized,
    options: &Options,
    stages: &[(Vec<LayerId>, Choice)],
) -> Result<Generated, PlanError> {
    let (plan, packed) = schedule::trial(layers, options, stages);
    prove::stages(&plan, &packed.data)?;
    let plans = vec![plan];
    Ok(Generated { files: emit::files(network, &plans, &packed, 1, &Kind::Dylib.into()), plans })
}
