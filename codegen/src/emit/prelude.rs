//! The functions that kernels call if their level has no intrinsic. Each level has a table of them; a generated file holds those
//! that its kernels use.

mod avx2;
mod avx512;
mod helper;
mod neon;
mod portable;

use std::collections::BTreeSet;

use sartor_kernels::runtime::Level;

use crate::ir::isa::{self, Isa};
use crate::ir::kernel::{Base, Binary, Kernel, ROOT_POWERS, Stmt, Value};

use super::array;
use super::text::Text;
use helper::Helper;

impl Helper {
    /// The Rust text of the helper at a level, without its attributes; [`None`] if the level has an intrinsic for it.
    fn text(self, level: Level) -> Option<&'static str> {
        match level {
            Level::Avx512 => avx512::text(self),
            Level::Avx2 => avx2::text(self),
            Level::Neon => neon::text(self),
            Level::Portable => portable::text(self),
        }
    }

    /// The lines of its documentation.
    fn doc(self) -> &'static [&'static str] {
        match self {
            Helper::Vector => &["Four lanes of plain Rust."],
            Helper::Load
            | Helper::Store
            | Helper::Splat
            | Helper::Add
            | Helper::Sub
            | Helper::Mul
            | Helper::Div
            | Helper::Sqrt => &[],
            Helper::Loads => &["`N` vectors, each `step` f32 behind the one before."],
            Helper::MulAdd => &["`a * b + c`, rounded twice: without the instruction, rounding once would take a function call."],
            Helper::Min => &["`if a < b { a } else { b }` in each lane: a NaN in `b` wins."],
            Helper::Max => &["`if a > b { a } else { b }` in each lane: a NaN in `b` wins."],
            Helper::Maximum => {
                &["The larger of both in each lane, NaN if one is NaN: then all exponent bits of one of the two are set."]
            }
            Helper::Normal => &["A number that is not denormal and has the mantissa of `a`, plus a half in its bits."],
            Helper::Exponent => &[
                "The `n` of `m · 2^n` in each lane, where `m` is from 3/4 to 3/2: minus infinity of zero, infinity of infinity, NaN of",
                "what is negative.",
            ],
            Helper::Mantissa => &["The `m` of `m · 2^n` in each lane, from 3/4 to 3/2: one of zero and of infinity."],
            Helper::Above => &["`if a <= b { 0 } else { a }` in each lane: a NaN in `a` stays."],
            Helper::Greater => &["`if a > b { 1 } else { 0 }` in each lane."],
            Helper::AtLeast => &["`if a >= b { 1 } else { 0 }` in each lane."],
            Helper::Keep => &["`if b > 0 { a } else { 0 }` in each lane."],
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

    /// The helpers that its text uses.
    fn needs(self) -> &'static [Helper] {
        match self {
            Helper::Maximum => &[Helper::Vector, Helper::Max],
            Helper::Exponent | Helper::Mantissa => &[Helper::Vector, Helper::Normal],
            Helper::Loads => &[Helper::Vector, Helper::Load, Helper::Splat],
            _ => &[Helper::Vector],
        }
    }

    /// The attributes of its text at a level.
    fn attributes(self, isa: &Isa) -> Vec<String> {
        match (self, isa.features) {
            (Helper::Vector, _) => vec!["#[derive(Clone, Copy)]".into()],
            // This helper tells the compiler something, and becomes no instruction.
            (Helper::Reload, _) | (_, None) => vec!["#[inline(always)]".into()],
            (_, Some(features)) => vec![format!("#[target_feature(enable = \"{features}\")]"), "#[inline]".into()],
        }
    }
}

/// Prints the helpers that these kernels call.
pub fn print(text: &mut Text, level: Level, kernels: &[Kernel]) {
    let mut used = BTreeSet::new();
    kernels.iter().for_each(|kernel| calls(&kernel.body, &mut used));
    used.extend(kernels.iter().any(array::are_loaded).then_some(Helper::Loads));
    let needed: Vec<Helper> = used.iter().flat_map(|helper| helper.needs()).copied().collect();
    used.extend(needed);
    let table = ROOT_POWERS.map(|bits| format!("{bits:#x}")).join(", ");
    for helper in used {
        let Some(body) = helper.text(level) else { continue };
        text.line("");
        helper.doc().iter().for_each(|line| text.line(format!("/// {line}")));
        helper.attributes(isa::of(level)).iter().for_each(|line| text.line(line));
        body.trim().replace("ROOT_POWERS", &table).lines().for_each(|line| text.line(line));
    }
}

/// Collects the helpers that a kernel's text calls.
fn calls(body: &[Stmt], found: &mut BTreeSet<Helper>) {
    for stmt in body {
        match stmt {
            Stmt::Comment(_) | Stmt::Move(..) | Stmt::Clear(_) => {}
            Stmt::For { body, .. } => calls(body, found),
            Stmt::Let(_, value) | Stmt::Set(_, value) => found.extend(of(value)),
            Stmt::Store(..) => drop(found.insert(Helper::Store)),
            Stmt::Prefetch(_) => drop(found.insert(Helper::Prefetch)),
            Stmt::Reload => drop(found.insert(Helper::Reload)),
        }
    }
}

/// The helper that the text of a value calls.
fn of(value: &Value) -> Option<Helper> {
    Some(match value {
        Value::Copy(_) => return None,
        Value::Load(_) => Helper::Load,
        Value::Broadcast(_) | Value::Splat(_) => Helper::Splat,
        Value::Fma(..) => Helper::MulAdd,
        Value::Sqrt(_) => Helper::Sqrt,
        Value::Exponent(_) => Helper::Exponent,
        Value::Mantissa(_) => Helper::Mantissa,
        Value::Power(Base::Two, _) => Helper::PowerOfTwo,
        Value::Power(Base::EighthRootOfTwo, _) => Helper::PowerOfRoot,
        Value::FirstLanes(..) => Helper::FirstLanes,
        Value::Binary(op, ..) => match op {
            Binary::Add => Helper::Add,
            Binary::Sub => Helper::Sub,
            Binary::Mul => Helper::Mul,
            Binary::Div => Helper::Div,
            Binary::Min => Helper::Min,
            Binary::Max => Helper::Max,
            Binary::Maximum => Helper::Maximum,
            Binary::Above => Helper::Above,
            Binary::Greater => Helper::Greater,
            Binary::AtLeast => Helper::AtLeast,
            Binary::Keep => Helper::Keep,
        },
    })
}
