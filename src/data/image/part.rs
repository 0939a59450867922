//! Parts of pictures.

/// A part of a side: the first position, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub first: usize,
    pub len: usize,
}

/// A rectangle of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub rows: Part,
    pub columns: Part,
}

impl Area {
    /// All of a picture of this height and width.
    pub fn all((height, width): (usize, usize)) -> Self {
        Self { rows: Part { first: 0, len: height }, columns: Part { first: 0, len: width } }
    }
}
