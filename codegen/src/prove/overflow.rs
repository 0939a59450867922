//! Proves that no index arithmetic overflows. Kernels and stages compute in `usize`. The walk through all calls checks their
//! products and sums in 64 bits. The only 32-bit integers are the variables of loops that no address mentions, which Rust infers
//! to be `i32`. Byte offsets fit `isize`, as pointer arithmetic demands.

use crate::ir::kernel::{Kernel, Stmt, Var};
use crate::ir::stage::Region;

use super::access;
use crate::plan::Lengths;

/// The largest number of f32 that a pointer may be moved over: `isize::MAX` bytes of a 64-bit machine.
const MOST: usize = isize::MAX as usize / size_of::<f32>();

/// A number that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverflowError {
    /// An offset beyond `isize::MAX` bytes.
    #[error("kernel {kernel}: the offset of an access to {buffer} does not fit isize")]
    Offset {
        /// The kernel.
        kernel: String,
        /// The buffer.
        buffer: String,
    },
    /// A loop over an `i32` that counts further than an `i32` can.
    #[error("kernel {kernel}: loop {var} counts to {count} in 32 bits")]
    Count {
        /// The kernel.
        kernel: String,
        /// The variable.
        var: String,
        /// Iterations.
        count: usize,
    },
    /// A region of more than `isize::MAX` bytes.
    #[error("{region:?} of {len} f32 does not fit isize")]
    Region {
        /// The region.
        region: Region,
        /// Its length.
        len: usize,
    },
}

/// Proves that a kernel's index arithmetic does not overflow. Returns the largest byte offset.
pub fn kernel(kernel: &Kernel) -> Result<usize, OverflowError> {
    let mut largest = 0;
    let mut indexed = vec![false; kernel.vars.len()];
    access::all(kernel, |access| {
        let buffer = || kernel.buffers[access.at.buffer.0].name.clone();
        let reach = access.reach().filter(|&reach| reach <= MOST);
        let reach = reach.ok_or_else(|| OverflowError::Offset { kernel: kernel.name.clone(), buffer: buffer() })?;
        largest = largest.max(reach * size_of::<f32>());
        access.at.terms.iter().for_each(|(var, _)| indexed[var.0] = true);
        Ok(())
    })?;
    counts(kernel, &kernel.body, &indexed)?;
    Ok(largest)
}

fn counts(kernel: &Kernel, body: &[Stmt], indexed: &[bool]) -> Result<(), OverflowError> {
    for stmt in body {
        if let Stmt::For { var: Var(var), count, body } = stmt {
            if !indexed[*var] && i32::try_from(*count).is_err() {
                let (kernel, var) = (kernel.name.clone(), kernel.vars[*var].clone());
                return Err(OverflowError::Count { kernel, var, count: *count });
            }
            counts(kernel, body, indexed)?;
        }
    }
    Ok(())
}

/// Proves that every region can be addressed. Returns the largest byte offset.
pub fn regions(lengths: &Lengths) -> Result<usize, OverflowError> {
    let mut largest = 0;
    for region in [Region::Input, Region::Arena, Region::Scratch, Region::Weights] {
        let len = lengths.of(region);
        if len > MOST {
            return Err(OverflowError::Region { region, len });
        }
        largest = largest.max(len * size_of::<f32>());
    }
    Ok(largest)
}
