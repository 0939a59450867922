//! The limits that decoding has, and its result.

use super::part::Area;
use super::{Orientation, Picture};

/// The picture in a file, or a part of it.
#[derive(Debug)]
pub(super) struct Decoded {
    pub picture: Picture,
    /// The height and width of the whole, and what of it the picture is.
    pub size: (usize, usize),
    pub held: Area,
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

/// What is read of a picture of this size, stored this way up; `None` if that is not known. More may be decoded.
pub(super) type Reads<'a> = &'a dyn Fn((usize, usize), Orientation) -> Option<Area>;
