//! The functions that kernels call where their level has no intrinsic: of each level's table, a file has those that its kernels use.

mod avx2;
mod avx512;
mod helper;
mod neon;
mod portable;

use std::collections::BTreeSet;

use sartor_kernels::runtime::Level;

use crate::ir::isa;
use crate::ir::kernel::{Base, Binary, Kernel, ROOT_POWERS, Stmt, Value};

use super::text::Text;
use helper::Helper;

/// A helper's text at a level, below its attributes; [`None`] where the level has an intrinsic.
fn text_of(helper: Helper, level: Level) -> Option<&'static str> {
    match level {
        Level::Avx512 => avx512::text(helper),
        Level::Avx2 => avx2::text(helper),
        Level::Neon => neon::text(helper),
        Level::Portable => portable::text(helper),
    }
}

/// Prints what these kernels call.
pub fn print(text: &mut Text, level: Level, kernels: &[Kernel]) {
    let mut used = BTreeSet::new();
    kernels.iter().for_each(|kernel| calls(&kernel.body, &mut used));
    let needed: Vec<Helper> = used.iter().flat_map(|helper| helper.needs()).copied().collect();
    used.extend(needed);
    let table = ROOT_POWERS.map(|bits| format!("{bits:#x}")).join(", ");
    for helper in used {
        let Some(body) = text_of(helper, level) else { continue };
        text.line("");
        helper.doc().iter().for_each(|line| text.line(format!("/// {line}")));
        helper.attributes(isa::of(level)).iter().for_each(|line| text.line(line));
        body.trim().replace("ROOT_POWERS", &table).lines().for_each(|line| text.line(line));
    }
}

/// What a kernel's text calls.
fn calls(body: &[Stmt], found: &mut BTreeSet<Helper>) {
    for stmt in body {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::For { body, .. } => calls(body, found),
            Stmt::Let(_, value) | Stmt::Set(_, value) => found.extend(of(value)),
            Stmt::Store(..) => drop(found.insert(Helper::Store)),
            Stmt::Prefetch(_) => drop(found.insert(Helper::Prefetch)),
            Stmt::Reload => drop(found.insert(Helper::Reload)),
        }
    }
}

/// What the text of a value calls.
fn of(value: &Value) -> Option<Helper> {
    Some(match value {
        Value::Copy(_) => return None,
        Value::Load(_) => Helper::Load,
        Value::Broadcast(_) | Value::Splat(_) => Helper::Splat,
        Value::Fma(..) => Helper::MulAdd,
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
        },
    })
}
