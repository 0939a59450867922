//! Proves that every load, store and prefetch of a kernel stays inside its buffer, and that every call of a stage hands over
//! buffers that lie inside their regions. Addresses are affine over boxes, so their extremes are at the corners and the check is
//! exact.

use typed_index_collections::TiSlice;

use crate::ir::kernel::{Access, Kernel, KernelId};
use crate::ir::stage::{Call, Region};

use super::access;
use crate::plan::Lengths;

/// An access or a call out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// An access beyond its buffer.
    #[error("kernel {kernel}: an access to {buffer} reaches f32 {reach} of {len}")]
    Access {
        /// The kernel.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// The end of the access: the f32 after the last that it touches.
        reach: usize,
        /// Length of the buffer.
        len: usize,
    },
    /// A call beyond its region.
    #[error(
        "{stage}, unit {unit}: {kernel} is called with {buffer} in {region:?} from f32 {offset} to {reach}, beyond its {len} f32"
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
        /// Where it ends.
        reach: usize,
        /// Length of the region.
        len: usize,
    },
    /// A call of a kernel that does not exist, or with too few or too many pointers.
    #[error("{stage}, unit {unit}: {kernel} takes {expected} buffers and is called with {found}")]
    Arity {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// Buffers of the kernel.
        expected: usize,
        /// Pointers of the call.
        found: usize,
    },
    /// A call that writes to the input or the weights.
    #[error("{stage}, unit {unit}: {kernel} writes {buffer}, which lies in {region:?}: stages only read there")]
    WritesConstant {
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
    },
}

/// Proves that a kernel stays inside its buffers. Returns the number of accesses it proved, each counted once, however often a
/// loop runs it.
pub fn kernel(kernel: &Kernel) -> Result<usize, BoundsError> {
    let mut accesses = 0;
    access::all(kernel, |access| {
        let buffer = &kernel.buffers[access.at.buffer.0];
        let reach = access.reach().unwrap_or(usize::MAX);
        if reach > buffer.len {
            let (kernel, buffer_name) = (kernel.name.clone(), buffer.name.clone());
            return Err(BoundsError::Access { kernel, buffer: buffer_name, reach, len: buffer.len });
        }
        accesses += 1;
        Ok(())
    })?;
    Ok(accesses)
}

/// Proves that a call's buffers lie inside their regions, and that it writes only where writing is allowed.
pub fn call(stage: &str, call: &Call, kernels: &TiSlice<KernelId, Kernel>, lengths: &Lengths) -> Result<(), BoundsError> {
    let (stage, unit) = (stage.to_string(), call.unit);
    let Some(kernel) = kernels.get(call.kernel).filter(|kernel| kernel.buffers.len() == call.args.len()) else {
        let (kernel, expected) = match kernels.get(call.kernel) {
            Some(kernel) => (kernel.name.clone(), kernel.buffers.len()),
            None => (format!("kernel {}", call.kernel.0), 0),
        };
        return Err(BoundsError::Arity { stage, unit, kernel, expected, found: call.args.len() });
    };
    for (&(region, offset), buffer) in call.args.iter().zip(&kernel.buffers) {
        let (kernel, name) = (kernel.name.clone(), buffer.name.clone());
        if buffer.access == Access::Write && matches!(region, Region::Input | Region::Weights) {
            return Err(BoundsError::WritesConstant { stage, unit, kernel, buffer: name, region });
        }
        let (reach, len) = (offset.saturating_add(buffer.len), lengths.of(region));
        if reach > len {
            return Err(BoundsError::Call { stage, unit, kernel, buffer: name, region, offset, reach, len });
        }
    }
    Ok(())
}
