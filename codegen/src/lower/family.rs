//! What each kernel family says of its kernels.

use sartor_kernels::runtime::Level;

use crate::ir::kernel::Kernel;
use crate::ir::name::KernelName;

/// A kind of kernel.
pub trait Family {
    /// Its name: the family, the tile, the sizes and what is fused.
    fn name(&self, level: Level) -> KernelName;

    /// What it depends on beside what its name always says; [`crate::ir::name`] says what the fields are.
    fn details(&self, level: Level) -> Vec<(&'static str, usize)>;

    /// The kernel. `doc` is for the reader of generated code.
    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel;
}
