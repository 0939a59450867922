//! Prints a kernel as a Rust function.

use std::collections::HashSet;

use crate::ir::isa::{self, Isa};
use crate::ir::kernel::{Access, Address, Base, Binary, Buf, Buffer, Element, Kernel, Reg, RegName, Stmt, Value};

use super::roll::{Line, Node, Piece, Sum, roll};
use super::text::Text;

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
    let printer = Printer { kernel, isa, assigned: assigned(&kernel.body), plain: longest_row(&kernel.body) > LONGEST_ROW };
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
            Stmt::Store(at, _) | Stmt::Prefetch(at) => {
                used.insert(at.buffer);
            }
            _ => {}
        }
    }
}

/// The registers that are set again after their declaration.
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
    /// Whether each register has a name of its own, and lines that repeat are printed each time. If not, registers are in arrays
    /// and such lines are loops.
    plain: bool,
}

/// The largest number of multiply-adds without a loop in between with which registers are in arrays. With more, rustc 1.95 puts
/// some registers on the stack when it makes registers of the arrays.
const LONGEST_ROW: usize = 300;

/// The largest number of multiply-adds without a loop in between.
fn longest_row(body: &[Stmt]) -> usize {
    let is_fma = |stmt: &&Stmt| matches!(stmt, Stmt::Let(_, Value::Fma(..)) | Stmt::Set(_, Value::Fma(..)));
    let inner = body.iter().map(|stmt| if let Stmt::For { body, .. } = stmt { longest_row(body) } else { 0 });
    let own = body.split(|stmt| matches!(stmt, Stmt::For { .. })).map(|row| row.iter().filter(is_fma).count());
    inner.chain(own).max().unwrap_or(0)
}

impl Printer<'_> {
    /// A body, line by line.
    fn nodes(&self, body: &[Stmt]) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut rest = body;
        while let Some((stmt, others)) = rest.split_first() {
            rest = others;
            nodes.push(match stmt {
                Stmt::Comment(comment) => Node::Comment(comment.clone()),
                Stmt::For { var, count, body } => {
                    Node::For { head: format!("for {} in 0..{count}", self.kernel.vars[var.0]), body: self.nodes(body) }
                }
                Stmt::Let(reg, value) => match self.kernel.regs[reg.0].element {
                    Some(Element { dims: [rows, columns], .. }) if rows * columns > 1 && !self.plain => {
                        let (declared, after) = others.split_at(rows * columns - 1);
                        rest = after;
                        self.array(*reg, columns, std::iter::once(stmt).chain(declared))
                    }
                    _ => {
                        let mut words = Words::new(self);
                        words.text("let ").text(self.mark(*reg)).text(&self.name(*reg)).text(" = ").value(value).text(";");
                        words.line.declares.push(*reg);
                        Node::Line(words.line)
                    }
                },
                Stmt::Set(reg, value) => Node::Line(Words::new(self).reg(*reg).text(" = ").value(value).text(";").line.clone()),
                Stmt::Store(to, reg) => {
                    let store = self.isa.spelling.store;
                    Node::Line(Words::new(self).text(store).text("(").address(to).text(", ").reg(*reg).text(");").line.clone())
                }
                Stmt::Prefetch(at) => Node::Line(Words::new(self).text("prefetch(").address(at).text(");").line.clone()),
                Stmt::Reload => Node::Line(Words::new(self).text("reload();").line.clone()),
            });
        }
        nodes
    }

    /// The declaration of an array of registers, in rows of `columns` each.
    fn array<'b>(&self, first: Reg, columns: usize, declared: impl Iterator<Item = &'b Stmt>) -> Node {
        let declared: Vec<&Stmt> = declared.collect();
        let name = &self.kernel.regs[first.0].name;
        let is_plain = |stmt: &&Stmt| matches!(stmt, Stmt::Let(_, Value::Copy(_) | Value::Splat(_)));
        if !declared.iter().all(is_plain) {
            let item = |stmt: &&Stmt| {
                if let Stmt::Let(reg, value) = stmt { Some((*reg, Words::new(self).value(value).line.clone())) } else { None }
            };
            let (declares, items) = declared.iter().filter_map(item).unzip();
            return Node::List { head: format!("let {}{name} =", self.mark(first)), items, declares };
        }
        let mut words = Words::new(self);
        words.line.declares =
            declared.iter().filter_map(|stmt| if let Stmt::Let(reg, _) = stmt { Some(*reg) } else { None }).collect();
        let values =
            declared.into_iter().map(|stmt| if let Stmt::Let(_, value) = stmt { words.said(value) } else { String::new() });
        let values: Vec<String> = values.collect();
        let repeated = |items: &[String]| match items {
            [one] => one.clone(),
            [first, others @ ..] if others.iter().all(|other| other == first) => format!("[{first}; {}]", items.len()),
            _ => format!("[{}]", items.join(", ")),
        };
        let rows: Vec<String> = values.chunks(columns).map(repeated).collect();
        words.text("let ").text(self.mark(first)).text(name).text(" = ").text(&repeated(&rows)).text(";");
        Node::Line(words.line)
    }

    /// The name of a register's variable. If registers are in arrays, this is the array; if not, the register's place is a part
    /// of the name.
    fn name(&self, reg: Reg) -> String {
        let RegName { name, element } = &self.kernel.regs[reg.0];
        let places = element.filter(|_| self.plain).into_iter().flat_map(|element| element.dims.into_iter().zip(element.at));
        places.filter(|&(size, _)| size > 1).fold(name.clone(), |name, (_, at)| format!("{name}_{at}"))
    }

    /// `mut` for a register that is set again later.
    fn mark(&self, reg: Reg) -> &'static str {
        if self.assigned.contains(&reg) { "mut " } else { "" }
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

/// A line under construction.
struct Words<'a> {
    printer: &'a Printer<'a>,
    line: Line,
}

impl<'a> Words<'a> {
    fn new(printer: &'a Printer<'a>) -> Self {
        Self { printer, line: Line { pieces: Vec::new(), declares: Vec::new(), uses: Vec::new(), cost: 1 } }
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.line.pieces.push(Piece::Text(text.into()));
        self
    }

    /// Appends a register's name, or its place in an array.
    fn reg(&mut self, reg: Reg) -> &mut Self {
        self.line.uses.push(reg);
        self.text(&self.printer.name(reg));
        let element = self.printer.kernel.regs[reg.0].element.filter(|_| !self.printer.plain);
        self.line.cost += usize::from(element.is_some());
        for (_, at) in element.iter().flat_map(|element| element.dims.into_iter().zip(element.at)).filter(|&(size, _)| size > 1) {
            self.text("[").line.pieces.push(Piece::Index(Sum { terms: Vec::new(), constant: at }));
            self.text("]");
        }
        self
    }

    fn address(&mut self, address: &Address) -> &mut Self {
        let Kernel { buffers, vars, .. } = self.printer.kernel;
        let terms = address.terms.iter().map(|&(var, stride)| (vars[var.0].clone(), stride)).collect();
        let sum = Sum { terms, constant: address.offset };
        self.line.cost += 2;
        self.line.pieces.push(Piece::Address(buffers[address.buffer.0].name.clone(), sum));
        self
    }

    /// The text of a value by itself.
    fn said(&mut self, value: &Value) -> String {
        let mut words = Words::new(self.printer);
        words.value(value);
        self.line.uses.extend(words.line.uses);
        words.line.pieces.iter().map(ToString::to_string).collect()
    }

    fn call(&mut self, function: &str, args: &[Reg]) -> &mut Self {
        self.text(function).text("(");
        for (index, &arg) in args.iter().enumerate() {
            self.text(if index > 0 { ", " } else { "" }).reg(arg);
        }
        self.text(")")
    }

    fn value(&mut self, value: &Value) -> &mut Self {
        let spelling = &self.printer.isa.spelling;
        match value {
            Value::Load(from) => self.text(spelling.load).text("(").address(from).text(")"),
            Value::Broadcast(from) => self.text(spelling.splat).text("(*").address(from).text(")"),
            Value::Splat(x) => self.text(&format!("{}({})", spelling.splat, literal(*x))),
            Value::Copy(a) => self.reg(*a),
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
                self.call(name, &[*a, *b])
            }
            Value::Fma(a, b, c) => {
                let args = if spelling.acc_first { [*c, *a, *b] } else { [*a, *b, *c] };
                self.call(spelling.fma, &args)
            }
            Value::Sqrt(a) => self.call(spelling.sqrt, &[*a]),
            Value::Power(Base::Two, a) => self.call("power_of_two", &[*a]),
            Value::Power(Base::EighthRootOfTwo, a) => self.call("power_of_root", &[*a]),
            Value::FirstLanes(a, used) => self.call(&format!("first_lanes::<{used}>"), &[*a]),
        }
    }
}

/// A float as a Rust literal that is read back bit for bit.
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
