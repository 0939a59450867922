//! What there is at inference time, and what kernels are judged against.

pub mod files;
pub mod generic;
pub mod reference;
#[doc(hidden)]
pub mod report;
pub mod runtime;
pub mod shape;
pub mod sources;
