//! A kernel as a Rust function.

use std::collections::HashSet;

use crate::ir::isa::{self, Isa};
use crate::ir::kernel::{Access, Address, Base, Binary, Buf, Buffer, Kernel, Reg, Stmt, Value};

use super::text::Text;

/// Prints a kernel's function, below its documentation.
pub fn print(text: &mut Text, kernel: &Kernel) {
    let isa = isa::of(kernel.level);
    if let Some(features) = isa.features {
        text.line(format!("#[target_feature(enable = \"{features}\")]"));
    }
    text.line("#[inline(never)]");
    let mut used = HashSet::new();
    buffers(&kernel.body, &mut used);
    let param = |(index, buffer): (usize, &Buffer)| {
        // A window with a stride beyond its size skips rows.
        let mark = if used.contains(&Buf(index)) { "" } else { "_" };
        format!("{mark}{}: *{} f32", buffer.name, if buffer.access == Access::Read { "const" } else { "mut" })
    };
    let params: Vec<String> = kernel.buffers.iter().enumerate().map(param).collect();
    let printer = Printer { kernel, isa, assigned: assigned(&kernel.body) };
    // The C ABI cannot unwind. At calls that might, rustc 1.95 forgets `inline(never)` of functions with target features, and in
    // a stage that its kernels were inlined into, registers run out: accumulators moved and spilled at every step of a sum.
    text.function(&format!("unsafe extern \"C\" fn {}", kernel.name), &params, "", |text| {
        text.line("// SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.");
        text.block("unsafe", |text| printer.body(text, &kernel.body));
    });
}

/// Buffers that a body touches.
fn buffers(body: &[Stmt], used: &mut HashSet<Buf>) {
    for stmt in body {
        match stmt {
            Stmt::For { body, .. } => buffers(body, used),
            Stmt::Let(_, Value::Load(at) | Value::Broadcast(at)) | Stmt::Set(_, Value::Load(at) | Value::Broadcast(at)) => {
                used.insert(at.buffer);
            }
            Stmt::Store(at, _) | Stmt::Prefetch(at) => {
                used.insert(at.buffer);
            }
            _ => {}
        }
    }
}

/// Registers that change after their declaration.
fn assigned(body: &[Stmt]) -> HashSet<Reg> {
    let mut set = HashSet::new();
    for stmt in body {
        match stmt {
            Stmt::Set(reg, _) => {
                set.insert(*reg);
            }
            Stmt::For { body, .. } => set.extend(assigned(body)),
            _ => {}
        }
    }
    set
}

struct Printer<'a> {
    kernel: &'a Kernel,
    isa: &'static Isa,
    assigned: HashSet<Reg>,
}

impl Printer<'_> {
    fn body(&self, text: &mut Text, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::Comment(comment) => text.comment("//", comment),
                Stmt::For { var, count, body } => {
                    text.block(&format!("for {} in 0..{count}", self.kernel.vars[var.0]), |text| self.body(text, body));
                }
                Stmt::Let(reg, value) => {
                    let mutable = if self.assigned.contains(reg) { "mut " } else { "" };
                    text.line(format!("let {mutable}{} = {};", self.reg(*reg), self.value(value)));
                }
                Stmt::Set(reg, value) => text.line(format!("{} = {};", self.reg(*reg), self.value(value))),
                Stmt::Store(to, reg) => {
                    text.line(format!("{}({}, {});", self.isa.spelling.store, self.address(to), self.reg(*reg)));
                }
                Stmt::Prefetch(at) => text.line(format!("prefetch({});", self.address(at))),
                Stmt::Reload => text.line("reload();"),
            }
        }
    }

    fn reg(&self, reg: Reg) -> &str {
        &self.kernel.regs[reg.0]
    }

    fn address(&self, address: &Address) -> String {
        let buffer = &self.kernel.buffers[address.buffer.0].name;
        let mut terms: Vec<String> = address
            .terms
            .iter()
            .map(|(var, stride)| {
                let var = &self.kernel.vars[var.0];
                if *stride == 1 { var.clone() } else { format!("{var} * {stride}") }
            })
            .collect();
        if address.offset != 0 {
            terms.push(address.offset.to_string());
        }
        if terms.is_empty() { buffer.clone() } else { format!("{buffer}.add({})", terms.join(" + ")) }
    }

    fn value(&self, value: &Value) -> String {
        let spelling = &self.isa.spelling;
        match value {
            Value::Load(from) => format!("{}({})", spelling.load, self.address(from)),
            Value::Broadcast(from) => format!("{}(*{})", spelling.splat, self.address(from)),
            Value::Splat(x) => format!("{}({})", spelling.splat, literal(*x)),
            Value::Copy(a) => self.reg(*a).into(),
            Value::Binary(op, a, b) => {
                let name = match op {
                    Binary::Add => spelling.add,
                    Binary::Sub => spelling.sub,
                    Binary::Mul => spelling.mul,
                    Binary::Div => spelling.div,
                    Binary::Min => spelling.min,
                    Binary::Max => spelling.max,
                    Binary::Maximum => "maximum",
                };
                format!("{name}({}, {})", self.reg(*a), self.reg(*b))
            }
            Value::Fma(a, b, c) => {
                let (a, b, c) = (self.reg(*a), self.reg(*b), self.reg(*c));
                if spelling.acc_first {
                    format!("{}({c}, {a}, {b})", spelling.fma)
                } else {
                    format!("{}({a}, {b}, {c})", spelling.fma)
                }
            }
            Value::Power(Base::Two, a) => format!("power_of_two({})", self.reg(*a)),
            Value::Power(Base::EighthRootOfTwo, a) => format!("power_of_root({})", self.reg(*a)),
            Value::FirstLanes(a, used) => format!("first_lanes::<{used}>({})", self.reg(*a)),
        }
    }
}

/// A float as Rust reads it back, bit for bit.
fn literal(x: f32) -> String {
    use std::f32::consts::{LN_2, LOG2_E};
    let named = [("std::f32::consts::LOG2_E", LOG2_E), ("std::f32::consts::LN_2", LN_2), ("f32::INFINITY", f32::INFINITY)];
    for (name, value) in named {
        if x == value {
            return name.into();
        }
        if x == -value {
            return if value.is_infinite() { "f32::NEG_INFINITY".into() } else { format!("-{name}") };
        }
    }
    format!("{x:?}")
}
