//! Proves that every vector load and store is aligned to its own size, so that none crosses a cache line and aligned instructions
//! could be used. Regions begin on 64 bytes, except the user's images, of which only single f32 are read.

use crate::ir::kernel::Kernel;
use crate::ir::stage::{Call, Region};

use super::access::{self, AccessKind};

/// A vector access that is not aligned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlignmentError {
    /// An address that is no multiple of the register's lanes.
    #[error("kernel {kernel}: a vector access to {buffer} moves by {step} f32, which is no multiple of {lanes} lanes")]
    Access {
        /// The kernel.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// The offset or stride.
        step: usize,
        /// Lanes of a register.
        lanes: usize,
    },
    /// A buffer that does not begin at a multiple of the register's lanes.
    #[error(
        "{stage}, unit {unit}: {kernel} is called with {buffer} in {region:?} at {offset}, which is not aligned to {lanes} lanes"
    )]
    Call {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// The region.
        region: Region,
        /// Where the buffer begins.
        offset: usize,
        /// Lanes of a register.
        lanes: usize,
    },
}

/// Proves that a kernel's vector accesses are aligned if its buffers are. Returns, for each buffer, whether it must be.
pub fn kernel(kernel: &Kernel) -> Result<Vec<bool>, AlignmentError> {
    let lanes = kernel.lanes();
    let mut vectors = vec![false; kernel.buffers.len()];
    access::all(kernel, |access| {
        if !matches!(access.kind, AccessKind::Load | AccessKind::Store) {
            return Ok(());
        }
        vectors[access.at.buffer.0] = true;
        let mut steps = std::iter::once(access.at.offset).chain(access.at.terms.iter().map(|(_, stride)| *stride));
        match steps.find(|step| !step.is_multiple_of(lanes)) {
            None => Ok(()),
            Some(step) => {
                let buffer = kernel.buffers[access.at.buffer.0].name.clone();
                Err(AlignmentError::Access { kernel: kernel.name.clone(), buffer, step, lanes })
            }
        }
    })?;
    Ok(vectors)
}

/// Proves that those buffers of a call are aligned that `vectors` says must be.
pub fn call(stage: &str, call: &Call, kernel: &Kernel, vectors: &[bool]) -> Result<(), AlignmentError> {
    let lanes = kernel.lanes();
    for ((&(region, offset), buffer), vector) in call.args.iter().zip(&kernel.buffers).zip(vectors) {
        if *vector && (region == Region::Input || !offset.is_multiple_of(lanes)) {
            let (stage, kernel, buffer) = (stage.to_string(), kernel.name.clone(), buffer.name.clone());
            return Err(AlignmentError::Call { stage, unit: call.unit, kernel, buffer, region, offset, lanes });
        }
    }
    Ok(())
}
