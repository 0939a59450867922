//! Shows what the compiler proves of a program before it emits it.

use sartor_codegen::compile::{GenerateError, PlanError, layers};
use sartor_codegen::network::pack::pack;
use sartor_codegen::prove::plan as proven;
pub use sartor_codegen::prove::{KernelProven, Proven, StageProven};
use sartor_codegen::schedule;
use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use crate::tuning::Tunings;

/// Plans a network for a level with the tunings that are [installed](Tunings::installed), as compiling does, and returns what was
/// proven of the program.
///
/// # Errors
/// If the network cannot be planned, or a property cannot be proven.
pub fn prove(network: &Network, weights: &Weights, level: Level) -> Result<Proven, GenerateError> {
    let options = Tunings::installed().0.options(level);
    let layers = layers(network, weights, std::slice::from_ref(&options))?;
    let packed = pack(&layers);
    let plan = schedule::plan(&layers, &packed, &options).map_err(PlanError::from)?;
    Ok(proven(&plan, &packed.data).map_err(PlanError::from)?)
}
