//! What there is at inference time, and what kernels are judged against.

pub mod files;
#[cfg(feature = "judge")]
pub mod generic;
#[cfg(feature = "judge")]
pub mod reference;
#[doc(hidden)]
pub mod report;
pub mod runtime;
pub mod shape;
pub mod sources;
