//! The network for C: functions in Rust that C can call, and the header that declares them.

mod ffi;
mod header;
mod identity;

pub use ffi::print as ffi;
pub use header::print as header;
pub use identity::Identity;

/// Bytes that a model takes of the caller's memory besides the session's.
const RESERVED: usize = 512;
