//! What the compiler proves of a network's programs before it emits them.

use sartor_codegen::compile::GenerateError;
use sartor_codegen::normalize::normalize;
use sartor_codegen::pack::pack;
use sartor_codegen::plan::{Options, PlanError, plan};
pub use sartor_codegen::prove::{KernelProven, Proven, StageProven};
use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use crate::tune::Tunings;

/// Plans a network for a level with the tunings that are [installed](Tunings::installed), as every compile does, and tells what was proven of the program.
///
/// # Errors
/// If the network cannot be planned, or something cannot be proven.
pub fn prove(network: &Network, weights: &Weights, level: Level) -> Result<Proven, GenerateError> {
    let layers = normalize(network, weights)?;
    let packed = pack(&layers);
    let options = Options { tuning: Tunings::installed().0.of(level), ..Options::new(level) };
    let plan = plan(&layers, &packed, options)?;
    Ok(plan.prove(&packed.data).map_err(PlanError::from)?)
}
