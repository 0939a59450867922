//! Prints a stage as a Rust function.

use std::collections::BTreeSet;

use crate::ir::isa;
use typed_index_collections::TiSlice;

use crate::ir::kernel::{Kernel, KernelId};
use crate::ir::stage::{Int, Pointer, Region, Stage, Step};

use super::text::Text;

/// Prints a stage.
pub fn print(text: &mut Text, stage: &Stage, kernels: &TiSlice<KernelId, Kernel>) {
    for line in &stage.doc {
        text.line(format!("/// `{line}`"));
    }
    if let Some(features) = kernels.first().and_then(|kernel| isa::of(kernel.level).features) {
        text.line(format!("#[target_feature(enable = \"{features}\")]"));
    }
    let params = ["cx: &Context", "units: &mut Units<'_>"].map(String::from);
    text.function(&format!("unsafe extern \"C\" fn {}", stage.name), &params, "", |text| {
        let steps = without_unread(&stage.body);
        let mut regions = BTreeSet::new();
        regions_of(&steps, &mut regions);
        let (names, values): (Vec<_>, Vec<_>) =
            regions.iter().map(|region| (region.field(), format!("cx.{}()", region.field()))).unzip();
        match &*names {
            [] => {}
            [name] => text.line(format!("let {name} = {};", values[0])),
            names => text.line(format!("let ({}) = ({});", names.join(", "), values.join(", "))),
        }
        for step in &steps {
            if let Step::Keep(name) = step {
                text.line(format!("let mut {name} = 0_usize;"));
            }
        }
        let unit = if mentions(&steps, "unit") { "unit" } else { "_" };
        let head = format!("for {unit} in units");
        if !calls(&steps) {
            return text.block(&head, |text| body(text, &steps, kernels));
        }
        text.comment("//", SAFETY);
        text.block("unsafe", |text| text.block(&head, |text| body(text, &steps, kernels)));
    });
}

const SAFETY: &str =
    "SAFETY: every buffer below was proven to lie in its memory, and to share nothing with what other units write.";

/// Whether a stage calls kernels.
fn calls(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Call { .. } => true,
        Step::For { body, .. } => calls(body),
        Step::Match { arms, .. } => arms.iter().any(|arm| calls(&arm.body)),
        _ => false,
    })
}

/// The steps, without the declarations of variables that nothing reads.
fn without_unread(steps: &[Step]) -> Vec<Step> {
    let mut kept: Vec<Step> = Vec::new();
    for step in steps.iter().rev() {
        if !matches!(step, Step::Let(name, _) if !mentions(&kept, name)) {
            kept.push(step.clone());
        }
    }
    kept.reverse();
    kept
}

fn mentions(body: &[Step], name: &str) -> bool {
    let in_int = |int: &Int| reads(int, name);
    body.iter().any(|step| match step {
        Step::Comment(_) | Step::Keep(_) => false,
        Step::Let(_, value) | Step::Set(_, value) => in_int(value),
        Step::ResetAtZero { on, .. } => on == name,
        Step::For { lo, hi, body, .. } => in_int(lo) || in_int(hi) || mentions(body, name),
        Step::Match { on, arms } => in_int(on) || arms.iter().any(|arm| mentions(&arm.body, name)),
        Step::Call { args, .. } => args.iter().any(|pointer| in_int(&pointer.offset)),
    })
}

fn reads(int: &Int, name: &str) -> bool {
    match int {
        Int::Const(_) => false,
        Int::Var(var) => var == name,
        Int::Add(a, b) | Int::Max(a, b) => reads(a, name) || reads(b, name),
        Int::Sub(a, _) | Int::Mul(a, _) | Int::Div(a, _) | Int::Rem(a, _) | Int::Min(a, _) => reads(a, name),
    }
}

fn regions_of(body: &[Step], regions: &mut BTreeSet<Region>) {
    for step in body {
        match step {
            Step::For { body, .. } => regions_of(body, regions),
            Step::Match { arms, .. } => arms.iter().for_each(|arm| regions_of(&arm.body, regions)),
            Step::Call { args, .. } => regions.extend(args.iter().map(|pointer| pointer.region)),
            _ => {}
        }
    }
}

fn body(text: &mut Text, steps: &[Step], kernels: &TiSlice<KernelId, Kernel>) {
    for step in steps {
        match step {
            Step::Comment(comment) => text.comment("//", comment),
            Step::Keep(_) => {}
            // A bare number has no type, so Rust would find no methods for it.
            Step::Let(name, Int::Const(value)) => text.line(format!("let {name} = {value}_usize;")),
            Step::Let(name, value) => text.line(format!("let {name} = {value};")),
            Step::Set(name, value) => text.line(format!("{name} = {value};")),
            Step::ResetAtZero { on, kept } => text.block(&format!("if {on} == 0"), |text| {
                kept.iter().for_each(|name| text.line(format!("{name} = 0;")));
            }),
            Step::For { var, lo, hi, body: inner } => {
                let hi = match (lo, hi) {
                    (Int::Const(_), Int::Const(hi)) => format!("{hi}_usize"),
                    (_, Int::Var(_) | Int::Const(_)) => hi.to_string(),
                    _ => format!("({hi})"),
                };
                let lo = if matches!(lo, Int::Var(_) | Int::Const(_)) { lo.to_string() } else { format!("({lo})") };
                text.block(&format!("for {var} in {lo}..{hi}"), |text| body(text, inner, kernels));
            }
            Step::Match { on, arms } => text.block(&format!("match {on}"), |text| {
                for (index, arm) in arms.iter().enumerate() {
                    let pattern = match (arm.lo, arm.hi) {
                        _ if index + 1 == arms.len() => "_".into(),
                        (lo, hi) if lo == hi => lo.to_string(),
                        (lo, hi) => format!("{lo}..={hi}"),
                    };
                    match &*arm.body {
                        [Step::Call { kernel, args }] => {
                            text.arm(&format!("{pattern} =>"), &kernels[*kernel].name, &pointers(args));
                        }
                        inner => text.block(&format!("{pattern} =>"), |text| body(text, inner, kernels)),
                    }
                }
            }),
            Step::Call { kernel, args } => text.call(&kernels[*kernel].name, &pointers(args)),
        }
    }
}

fn pointers(args: &[Pointer]) -> Vec<String> {
    args.iter().map(print_pointer).collect()
}

fn print_pointer(pointer: &Pointer) -> String {
    let region = pointer.region.field();
    match &pointer.offset {
        Int::Const(0) => region.into(),
        offset => format!("{region}.add({offset})"),
    }
}
