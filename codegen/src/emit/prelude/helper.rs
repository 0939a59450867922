//! What kernels may call that is no intrinsic at every level.

use crate::ir::isa::Isa;
#[cfg(doc)]
use crate::ir::kernel::{Base, Binary, Stmt, Value};

/// What a kernel may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Helper {
    /// The type of a vector.
    Vector,
    /// [`Value::Load`]
    Load,
    /// [`Stmt::Store`]
    Store,
    /// [`Value::Splat`], [`Value::Broadcast`]
    Splat,
    /// [`Binary::Add`]
    Add,
    /// [`Binary::Sub`]
    Sub,
    /// [`Binary::Mul`]
    Mul,
    /// [`Binary::Div`]
    Div,
    /// [`Value::Fma`]
    MulAdd,
    /// [`Binary::Min`]
    Min,
    /// [`Binary::Max`]
    Max,
    /// [`Binary::Maximum`]
    Maximum,
    /// [`Base::Two`]
    PowerOfTwo,
    /// [`Base::EighthRootOfTwo`]
    PowerOfRoot,
    /// [`Value::FirstLanes`]
    FirstLanes,
    /// [`Stmt::Prefetch`]
    Prefetch,
    /// [`Stmt::Reload`]
    Reload,
}

impl Helper {
    /// What its text is said to be.
    pub fn doc(self) -> &'static [&'static str] {
        match self {
            Helper::Vector => &["Four lanes of plain Rust."],
            Helper::Load | Helper::Store | Helper::Splat | Helper::Add | Helper::Sub | Helper::Mul | Helper::Div => &[],
            Helper::MulAdd => &["`a * b + c`, rounded twice: without the instruction, rounding once would take a function call."],
            Helper::Min => &["`if a < b { a } else { b }` in each lane: a NaN in `b` wins."],
            Helper::Max => &["`if a > b { a } else { b }` in each lane: a NaN in `b` wins."],
            Helper::Maximum => {
                &["The larger of both in each lane, NaN if one is NaN: then all exponent bits of one of the two are set."]
            }
            Helper::PowerOfTwo => &["`2^n` of `n + 127 + 1.5 · 2^23` in each lane: the low bits become the exponent bits."],
            Helper::PowerOfRoot => &[
                "A constant times `2^(k/8)`, of `k/8 + 127 + 1.5 · 2^20` in each lane. The last three bits choose from a table, to which",
                "the low bits are added as exponent bits.",
            ],
            Helper::FirstLanes => &["The first `N` lanes, then zeros."],
            Helper::Prefetch => &["Fetches a cache line into L2."],
            Helper::Reload => {
                &["Keeps the compiler from holding what was loaded before in registers, of which there are too few."]
            }
        }
    }

    /// What its text uses.
    pub fn needs(self) -> &'static [Helper] {
        if self == Helper::Maximum { &[Helper::Vector, Helper::Max] } else { &[Helper::Vector] }
    }

    /// The attributes of its text at a level.
    pub fn attributes(self, isa: &Isa) -> Vec<String> {
        match (self, isa.features) {
            (Helper::Vector, _) => vec!["#[derive(Clone, Copy)]".into()],
            // It is a word to the compiler, and no instruction.
            (Helper::Reload, _) | (_, None) => vec!["#[inline(always)]".into()],
            (_, Some(features)) => vec![format!("#[target_feature(enable = \"{features}\")]"), "#[inline]".into()],
        }
    }
}
