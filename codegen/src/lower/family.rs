//! What each family of kernels must say of its kernels.

use sartor_kernels::runtime::Level;

use crate::ir::kernel::Kernel;
use crate::ir::name::KernelName;

/// A kind of kernel.
pub trait Family {
    /// The kernel's name: the family, the tile, the sizes and what is fused.
    fn name(&self, level: Level) -> KernelName;

    /// What the kernel depends on besides what its name always says. [`crate::ir::name`] lists these fields.
    fn details(&self, level: Level) -> Vec<(&'static str, usize)>;

    /// The kernel. `doc` is for the reader of generated code.
    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel;
}
