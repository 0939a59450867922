//! What there is at inference time, and what kernels are judged against.

pub mod runtime;
