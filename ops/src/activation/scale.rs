//! What the error of an activation is relative to.

/// The value that the error of a function is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The result.
    Result,
    /// The argument, where the leading digits of the result cancel.
    Argument,
}

impl Scale {
    /// The argument or the result.
    pub fn choose<T>(self, argument: T, result: T) -> T {
        match self {
            Self::Result => result,
            Self::Argument => argument,
        }
    }
}
