//! Kinds of crates.

/// What is built from the generated sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A program that reads an input file and prints classes.
    Bin,
    /// A library crate for other Rust code.
    Lib,
    /// A dynamic library with the symbol `sartor_program`.
    Dylib,
    /// A shared and a static library for C, with a header.
    C,
    /// A Python module over the shared library for C.
    Wheel,
}

impl Kind {
    /// Whether it has functions that C calls.
    pub fn has_c(self) -> bool {
        matches!(self, Kind::C | Kind::Wheel)
    }

    /// Whether it has models for many callers at once, which are called from Rust.
    pub fn has_pool(self) -> bool {
        matches!(self, Kind::Bin | Kind::Lib)
    }
}
