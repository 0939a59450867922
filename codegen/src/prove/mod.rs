//! The proof: what must hold of a plan before it is emitted, one file for each property. A plan that fails is refused.
//!
//! Kernels are proven for all iterations of their loops. Then every call of every unit of every stage is walked through. A unit
//! can run in two ways (`units`), and both are. What each call reads and writes is known to the f32 (`footprint`).

mod access;
mod alignment;
mod bounds;
mod disjoint;
mod facts;
mod footprint;
mod initialised;
mod lanes;
mod live;
mod liveness;
mod outputs;
mod overflow;
mod padding;
mod proven;
mod scope;
mod set;
mod tags;
#[cfg(test)]
mod tests;
mod units;
mod unproven;

pub use alignment::AlignmentError;
pub use bounds::BoundsError;
pub use disjoint::DisjointError;
pub use initialised::InitialisedError;
pub use liveness::LivenessError;
pub use outputs::OutputError;
pub use overflow::OverflowError;
pub use padding::PaddingError;
pub use scope::ScopeError;
pub use units::UnitsError;

pub use proven::{KernelProven, Proven, StageProven};
pub use unproven::Unproven;

use crate::ir::kernel::Kernel;
use crate::plan::Plan;
use facts::{Facts, KernelFacts};
use typed_index_collections::TiVec;

/// Proves a kernel by itself. Returns the number of its accesses, each counted once, however often a loop runs it.
///
/// # Errors
/// If an access can leave its buffer or is not aligned, a store goes to a buffer that may only be read, a name is used outside
/// its scope, or an index overflows.
pub fn kernel(kernel: &Kernel) -> Result<usize, Unproven> {
    Ok(kernel_facts(kernel)?.accesses)
}

/// What a call of a proven kernel reads before writing it, as ranges of each buffer.
#[cfg(test)]
pub(crate) fn reads(kernel: &Kernel) -> Vec<Vec<std::ops::Range<usize>>> {
    footprint::of(kernel).into_iter().map(|touched| touched.reads).collect()
}

fn kernel_facts(kernel: &Kernel) -> Result<KernelFacts, Unproven> {
    scope::kernel(kernel)?;
    let accesses = bounds::kernel(kernel)?;
    let largest_offset = overflow::kernel(kernel)?;
    let vectors = alignment::kernel(kernel)?;
    let touched = footprint::of(kernel);
    disjoint::kernel(kernel, &touched)?;
    Ok(KernelFacts { accesses, vectors, touched, largest_offset })
}

/// Proves each kernel by itself, that every region can be addressed, and that the units of every stage run. Maps are not looked
/// at.
fn facts<'a>(plan: &'a Plan, weights: &'a [f32]) -> Result<Facts<'a>, Unproven> {
    let kernels = plan.kernels.iter().map(kernel_facts).collect::<Result<TiVec<_, _>, _>>()?;
    overflow::regions(&plan.lengths)?;
    let units = plan.stages.iter().map(|stage| units::of(&stage.code)).collect::<Result<Vec<_>, _>>()?;
    Ok(Facts { plan, weights, kernels, units, lives: Vec::new() })
}

/// Proves each call of a stage by itself.
fn calls(facts: &Facts<'_>, index: usize) -> Result<(), Unproven> {
    let name = &facts.plan.stages[index].code.name;
    for call in facts.units[index].iter().flat_map(|unit| unit.calls()) {
        bounds::call(name, call, &facts.plan.kernels, &facts.plan.lengths)?;
        alignment::call(name, call, &facts.plan.kernels[call.kernel], &facts.kernels[call.kernel].vectors)?;
    }
    Ok(())
}

/// Proves a plan: its kernels, and all calls of all its stages with its packed weights, whichever units a thread is given.
///
/// # Errors
/// The first thing that could not be proven.
pub fn plan(plan: &Plan, weights: &[f32]) -> Result<Proven, Unproven> {
    let facts = Facts { lives: live::lives(plan), ..facts(plan, weights)? };
    let sharing = liveness::maps(&facts)?;
    let mut written = set::Set::new(plan.lengths.arena);
    for index in 0..plan.stages.len() {
        calls(&facts, index)?;
        liveness::stage(&facts, index)?;
        disjoint::stage(&facts, index)?;
        initialised::stage(&facts, index, &mut written)?;
    }
    outputs::prove(&facts, &written)?;
    let pad_lanes = padding::prove(&facts)?;
    let largest = facts.kernels.iter().map(|kernel| kernel.largest_offset).max().unwrap_or(0);
    Ok(Proven {
        kernels: proven::kernels(&facts),
        stages: proven::stages(&facts),
        maps: facts.lives.len(),
        sharing,
        pad_lanes,
        largest_offset: largest.max(overflow::regions(&plan.lengths)?),
    })
}

/// Proves the stages of a trial, each by itself. All maps of a trial have memory of their own, which counts as written from the
/// start.
///
/// # Errors
/// The first thing that could not be proven.
pub fn stages(plan: &Plan, weights: &[f32]) -> Result<(), Unproven> {
    let facts = facts(plan, weights)?;
    let mut written = set::Set::new(plan.lengths.arena);
    written.insert(0..plan.lengths.arena);
    for index in 0..plan.stages.len() {
        calls(&facts, index)?;
        disjoint::stage(&facts, index)?;
        initialised::stage(&facts, index, &mut written)?;
    }
    Ok(())
}
