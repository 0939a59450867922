//! Prints a kernel as a Rust function.

use std::collections::HashSet;

use crate::ir::isa;
use crate::ir::kernel::{Access, Buf, Buffer, Kernel, Stmt, Value};

use super::array;
use super::roll::{Line, Node, roll};
use super::text::Text;
use super::words::{Printer, Words};

/// Prints a kernel's function. Its documentation has been printed above.
pub fn print(text: &mut Text, kernel: &Kernel) {
    let isa = isa::of(kernel.level);
    if let Some(features) = isa.features {
        text.line(format!("#[target_feature(enable = \"{features}\")]"));
    }
    text.line("#[inline(never)]");
    let mut used = HashSet::new();
    buffers(&kernel.body, &mut used);
    let param = |(index, buffer): (usize, &Buffer)| {
        // A buffer may be unused: a window whose stride is larger than the window skips rows.
        let mark = if used.contains(&Buf(index)) { "" } else { "_" };
        format!("{mark}{}: *{} f32", buffer.name, if buffer.access == Access::Read { "const" } else { "mut" })
    };
    let params: Vec<String> = kernel.buffers.iter().enumerate().map(param).collect();
    let printer = Printer::new(kernel);
    // The C ABI cannot unwind. At calls that might, rustc 1.95 forgets `inline(never)` of functions with target features, and in
    // a stage that its kernels were inlined into, registers run out: accumulators moved and spilled at every step of a sum.
    text.function(&format!("unsafe extern \"C\" fn {}", kernel.name), &params, "", |text| {
        text.line("// SAFETY: the buffers have the lengths above, and every address below was proven to lie in them.");
        let nodes = printer.nodes(&kernel.body);
        let nodes = if printer.plain { nodes } else { roll(nodes, &printer.free()) };
        text.block("unsafe", |text| print_nodes(text, &nodes));
    });
}

/// Collects the buffers that a body touches.
fn buffers(body: &[Stmt], used: &mut HashSet<Buf>) {
    for stmt in body {
        match stmt {
            Stmt::For { body, .. } => buffers(body, used),
            Stmt::Let(_, Value::Load(at) | Value::Broadcast(at)) | Stmt::Set(_, Value::Load(at) | Value::Broadcast(at)) => {
                used.insert(at.buffer);
            }
            Stmt::Store(at, _) | Stmt::Clear(at) | Stmt::Prefetch(at) => {
                used.insert(at.buffer);
            }
            Stmt::Move(to, from) => used.extend([to.buffer, from.buffer]),
            _ => {}
        }
    }
}

impl Printer<'_> {
    /// A body, line by line.
    fn nodes(&self, body: &[Stmt]) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut rest = body;
        while let Some((stmt, others)) = rest.split_first() {
            let here = rest;
            rest = others;
            nodes.push(match stmt {
                Stmt::Comment(comment) => Node::Comment(comment.clone()),
                Stmt::For { var, count, body } => {
                    Node::For { head: format!("for {} in 0..{count}", self.kernel.vars[var.0]), body: self.nodes(body) }
                }
                Stmt::Let(reg, value) => match array::len(self.kernel, *reg).filter(|_| !self.plain) {
                    Some(len) => {
                        let (declared, after) = here.split_at(len);
                        rest = after;
                        array::declare(self, *reg, declared)
                    }
                    None => {
                        let mut words = Words::new(self);
                        words.text("let ").text(self.mark(*reg)).text(&self.name(*reg)).text(" = ").value(value).text(";");
                        words.line.declares = Some(*reg);
                        Node::Line(words.line)
                    }
                },
                Stmt::Set(reg, value) => Node::Line(Words::new(self).reg(*reg).text(" = ").value(value).text(";").line.clone()),
                Stmt::Store(to, reg) => {
                    let store = self.isa.spelling.store;
                    Node::Line(Words::new(self).text(store).text("(").address(to).text(", ").reg(*reg).text(");").line.clone())
                }
                Stmt::Move(to, from) => {
                    Node::Line(Words::new(self).text("*").address(to).text(" = *").address(from).text(";").line.clone())
                }
                Stmt::Clear(to) => Node::Line(Words::new(self).text("*").address(to).text(" = 0.0;").line.clone()),
                Stmt::Prefetch(at) => Node::Line(Words::new(self).text("prefetch(").address(at).text(");").line.clone()),
                Stmt::Reload => Node::Line(Words::new(self).text("reload();").line.clone()),
            });
        }
        nodes
    }

    /// Names for the variables of rolled loops that the kernel does not use itself, for the innermost loop first.
    fn free(&self) -> Vec<String> {
        let taken = |name: &&str| {
            let (vars, regs, buffers) = (&self.kernel.vars, &self.kernel.regs, &self.kernel.buffers);
            vars.iter().any(|var| var == name)
                || regs.iter().any(|reg| reg.name == *name)
                || buffers.iter().any(|buffer| buffer.name == *name)
        };
        ["i", "j"].into_iter().filter(|name| !taken(name)).map(String::from).collect()
    }
}

/// Prints nodes.
fn print_nodes(text: &mut Text, nodes: &[Node]) {
    for node in nodes {
        match node {
            Node::Comment(comment) => text.comment("//", comment),
            Node::Line(line) => text.line(line.to_string()),
            Node::List { head, items, .. } => text.array(head, &items.iter().map(Line::to_string).collect::<Vec<_>>()),
            Node::For { head, body } => text.block(head, |text| print_nodes(text, body)),
            Node::Roll { var, count, body } => text.block(&format!("for {var} in 0..{count}"), |text| print_nodes(text, body)),
        }
    }
}
