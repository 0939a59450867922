//! Kernel families: what a kernel is made from, and its name.

use std::ops::Deref;

use sartor_kernels::runtime::Level;

use super::direct::Direct;
use super::eltwise::Eltwise;
use super::mean::Mean;
use super::pointwise::Pointwise;
use super::window::Window;
use crate::ir::kernel::Kernel;
use crate::ir::name::KernelName;

/// What a kernel is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Spec {
    /// 1x1 convolution.
    Pointwise(Pointwise),
    /// Other dense convolutions.
    Direct(Direct),
    /// Depthwise convolution and pooling.
    Window(Window),
    /// Mean over pixels.
    Mean(Mean),
    /// Elementwise operators.
    Eltwise(Eltwise),
}

impl Deref for Spec {
    type Target = dyn Family;

    fn deref(&self) -> &(dyn Family + 'static) {
        match self {
            Spec::Pointwise(spec) => spec,
            Spec::Direct(spec) => spec,
            Spec::Window(spec) => spec,
            Spec::Mean(spec) => spec,
            Spec::Eltwise(spec) => spec,
        }
    }
}

/// A kind of kernel.
pub trait Family {
    /// Its name: the family, the tile, the sizes and what is fused.
    fn name(&self, level: Level) -> KernelName;

    /// What it depends on beside what its name always says; [`crate::ir::name`] says what the fields are.
    fn details(&self, level: Level) -> Vec<(&'static str, usize)>;

    /// The kernel. `doc` is for the reader of generated code.
    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel;
}
