//! What the error of an activation is relative to.

/// The value that the error of a function is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The result.
    Result,
    /// The largest result for arguments of the same magnitude, where the leading digits of the result cancel.
    Largest,
}
