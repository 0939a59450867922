//! The limits that decoding has, and its result.

use super::{Orientation, Picture};

/// The picture in a file.
#[derive(Debug)]
pub(super) struct Decoded {
    pub picture: Picture,
    /// Which way up it is stored.
    pub orientation: Orientation,
    /// What is missing from the file, if its end is cut off.
    pub missing: Option<String>,
}

/// What decoding may do.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// How much memory decoding may take, in bytes, including the file.
    pub memory: u64,
    /// Whether a picture that is cut short is decoded.
    pub truncated: bool,
}
