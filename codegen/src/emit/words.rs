//! The words of a kernel's lines: names of registers, addresses and values.

use std::collections::HashSet;

use crate::ir::isa::{self, Isa};
use crate::ir::kernel::{Address, Base, Binary, Element, Kernel, Reg, RegName, Stmt, Value};

use super::roll::{Line, Piece, Sum};

/// A kernel that is being printed.
pub struct Printer<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// The table of its level.
    pub isa: &'static Isa,
    assigned: HashSet<Reg>,
    /// Whether each register has a name of its own, and lines that repeat are printed each time. If not, registers are in arrays
    /// and such lines are loops.
    pub plain: bool,
}

/// The largest number of multiply-adds without a loop in between with which registers are in arrays. With more, rustc 1.95 puts
/// some registers on the stack when it makes registers of the arrays.
const LONGEST_ROW: usize = 300;

/// Whether each register has a name of its own.
pub fn is_plain(kernel: &Kernel) -> bool {
    longest_row(&kernel.body) > LONGEST_ROW
}

/// The largest number of multiply-adds without a loop in between.
fn longest_row(body: &[Stmt]) -> usize {
    let is_fma = |stmt: &&Stmt| matches!(stmt, Stmt::Let(_, Value::Fma(..)) | Stmt::Set(_, Value::Fma(..)));
    let inner = body.iter().map(|stmt| if let Stmt::For { body, .. } = stmt { longest_row(body) } else { 0 });
    let own = body.split(|stmt| matches!(stmt, Stmt::For { .. })).map(|row| row.iter().filter(is_fma).count());
    inner.chain(own).max().unwrap_or(0)
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

impl<'a> Printer<'a> {
    /// A printer of a kernel.
    pub fn new(kernel: &'a Kernel) -> Self {
        Self { kernel, isa: isa::of(kernel.level), assigned: assigned(&kernel.body), plain: is_plain(kernel) }
    }

    /// The name of a register's variable. If registers are in arrays, this is the array; if not, the register's place is a part
    /// of the name.
    pub fn name(&self, reg: Reg) -> String {
        let RegName { name, element } = &self.kernel.regs[reg.0];
        let places = element.filter(|_| self.plain).into_iter().flat_map(|element| element.dims.into_iter().zip(element.at));
        places.filter(|&(size, _)| size > 1).fold(name.clone(), |name, (_, at)| format!("{name}_{at}"))
    }

    /// The first register of a register's array, or the register if it is in none.
    fn first(&self, reg: Reg) -> Reg {
        let place = |Element { dims: [_, columns], at: [row, column] }| row * columns + column;
        Reg(reg.0 - self.kernel.regs[reg.0].element.map_or(0, place))
    }

    /// `mut` for a register that is set again later.
    pub fn mark(&self, reg: Reg) -> &'static str {
        self.mark_array(reg, 1)
    }

    /// `mut` for an array of `len` registers if any of them is set again later. The first need not be: it may meet only padding.
    pub fn mark_array(&self, first: Reg, len: usize) -> &'static str {
        if (first.0..first.0 + len).any(|reg| self.assigned.contains(&Reg(reg))) { "mut " } else { "" }
    }
}

/// A line under construction.
pub struct Words<'a> {
    printer: &'a Printer<'a>,
    /// The line so far.
    pub line: Line,
}

impl<'a> Words<'a> {
    /// An empty line.
    pub fn new(printer: &'a Printer<'a>) -> Self {
        Self { printer, line: Line { pieces: Vec::new(), declares: None, uses: Vec::new(), cost: 1 } }
    }

    /// Appends text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.line.pieces.push(Piece::Text(text.into()));
        self
    }

    /// Appends a register's name, or its place in an array.
    pub fn reg(&mut self, reg: Reg) -> &mut Self {
        self.line.uses.push(self.printer.first(reg));
        self.text(&self.printer.name(reg));
        let element = self.printer.kernel.regs[reg.0].element.filter(|_| !self.printer.plain);
        self.line.cost += usize::from(element.is_some());
        for (_, at) in element.iter().flat_map(|element| element.dims.into_iter().zip(element.at)).filter(|&(size, _)| size > 1) {
            self.text("[").line.pieces.push(Piece::Index(Sum { terms: Vec::new(), constant: at }));
            self.text("]");
        }
        self
    }

    /// Appends an address.
    pub fn address(&mut self, address: &Address) -> &mut Self {
        let Kernel { buffers, vars, .. } = self.printer.kernel;
        let terms = address.terms.iter().map(|&(var, stride)| (vars[var.0].clone(), stride.cast_signed())).collect();
        let sum = Sum { terms, constant: address.offset };
        self.line.cost += 2;
        self.line.pieces.push(Piece::Address(buffers[address.buffer.0].name.clone(), sum));
        self
    }

    /// The text of a value by itself.
    pub fn said(&mut self, value: &Value) -> String {
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

    /// Appends a value.
    pub fn value(&mut self, value: &Value) -> &mut Self {
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
                    Binary::Above => "above",
                    Binary::Greater => "greater",
                    Binary::AtLeast => "at_least",
                    Binary::Keep => "keep",
                };
                self.call(name, &[*a, *b])
            }
            Value::Fma(a, b, c) => {
                let args = if spelling.acc_first { [*c, *a, *b] } else { [*a, *b, *c] };
                self.call(spelling.fma, &args)
            }
            Value::Sqrt(a) => self.call(spelling.sqrt, &[*a]),
            Value::Exponent(a) => self.call("exponent", &[*a]),
            Value::Mantissa(a) => self.call("mantissa", &[*a]),
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
