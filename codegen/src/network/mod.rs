//! A network as codegen sees it: fused layers over maps, and their weights as kernels read them.

pub mod layers;
pub mod line;
pub mod normalize;
pub mod output;
pub mod pack;
pub mod value;
pub mod winograd;
#[cfg(test)]
mod winograd_tests;
