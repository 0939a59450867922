//! What decoding a file is given, and what it gives.

use super::{Orientation, Picture};

/// A file's picture.
#[derive(Debug)]
pub(super) struct Decoded {
    pub picture: Picture,
    /// How it lies.
    pub orientation: Orientation,
    /// What of it was not in the file.
    pub missing: Option<String>,
}

/// How to take a file.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Bytes that decoding may take, the file among them.
    pub memory: u64,
    /// Whether a part of a picture is enough.
    pub truncated: bool,
}
