//! The kernel IR: a small affine program over vector registers.
//!
//! Loops have constant bounds, and every address is `buffer + constant + Σ constant · loop variable`. So the extremes of an
//! address lie at the corners of the loops' box, and a proof of bounds is exact ([`prove`](crate::prove)). A kernel is printed as
//! Rust for a level ([`emit`](crate::emit)), executed ([`interpret`](crate::interpret)) and counted ([`Cost`]).

use sartor_kernels::runtime::Level;

pub use crate::ids::KernelId;
use crate::ir::isa;

/// A loop variable of one kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub usize);

/// A vector register of one kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reg(pub usize);

/// A buffer that a kernel is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Buf(pub usize);

/// Whether a kernel reads or writes a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// The kernel only loads from it.
    Read,
    /// The kernel stores to it. It may also load what it stored itself, or what the caller left there.
    Write,
}

/// A formal parameter. The caller vouches for its `len` f32.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Buffer {
    /// Name of the parameter.
    pub name: String,
    /// Length in f32.
    pub len: usize,
    /// How it is used.
    pub access: Access,
}

/// Where a load or store goes: `buffer + offset + Σ stride · variable`, in f32.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The buffer.
    pub buffer: Buf,
    /// The constant part.
    pub offset: usize,
    /// Strides of the loop variables in scope, outermost first.
    pub terms: Vec<(Var, usize)>,
}

impl Buf {
    /// The address of an element.
    pub fn at(self, offset: usize) -> Address {
        Address { buffer: self, offset, terms: Vec::new() }
    }
}

impl Address {
    /// The address that moves `stride` further with each iteration of a loop.
    #[must_use]
    pub fn plus(mut self, index: Index, stride: usize) -> Self {
        if let Index::Var(var) = index
            && stride != 0
        {
            self.terms.push((var, stride));
        }
        self
    }

    /// The address `offset` f32 further.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset += offset;
        self
    }
}

/// A loop's index. A loop of a single iteration has no variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// The loop has a single iteration: its index is always zero.
    Zero,
    /// The variable of a loop.
    Var(Var),
}

/// Operations on two registers, lane by lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
    /// `if a < b { a } else { b }`: a NaN in `b` wins, as in x86's `minps`.
    Min,
    /// `if a > b { a } else { b }`: a NaN in `b` wins, as in x86's `maxps`.
    Max,
    /// The larger of both; NaN if one is NaN. Its bits are the bitwise or of those of `Max(a, b)` and `Max(b, a)`. The two differ
    /// only if one operand is NaN or both are zero.
    Maximum,
    /// `if a <= b { 0 } else { a }`: a NaN in `a` stays.
    Above,
    /// `if a > b { 1 } else { 0 }`
    Greater,
    /// `if a >= b { 1 } else { 0 }`
    AtLeast,
    /// `if b > 0 { a } else { 0 }`
    Keep,
}

impl Binary {
    /// The operation on one lane.
    pub fn apply(self, a: f32, b: f32) -> f32 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Min if a < b => a,
            Binary::Max if a > b => a,
            Binary::Min | Binary::Max => b,
            Binary::Above if a <= b => 0.0,
            Binary::Above => a,
            Binary::Greater => f32::from(u8::from(a > b)),
            Binary::AtLeast => f32::from(u8::from(a >= b)),
            Binary::Keep if b > 0.0 => a,
            Binary::Keep => 0.0,
            Binary::Maximum => f32::from_bits(Binary::Max.apply(a, b).to_bits() | Binary::Max.apply(b, a).to_bits()),
        }
    }
}

/// The base of a power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Two. The argument is `n + 127 + 1.5 · 2^23`, and the result `2^n`: the low bits of the argument become the exponent bits.
    Two,
    /// The eighth root of two. The argument is `k/8 + 127 + 1.5 · 2^20`, and the result `2^(k/8)` times 1.510_537_1. The low bits
    /// of the argument are a number of eighths. Its last three bits choose one of [`ROOT_POWERS`]; all of it, in eighths, is
    /// added to the exponent bits of that.
    EighthRootOfTwo,
}

/// For each j from 0 to 7, the bits of 1.510_537_1 · 2^(j/8), minus the bits of one, minus j eighths of an exponent. The factor
/// 1.510_537_1 is chosen so that all eight products are within 3e-8 of an f32 (Gal, "Computing elementary functions: a new
/// approach for achieving high accuracy and good performance", 1985).
pub const ROOT_POWERS: [u32; 8] = [0x41_5948, 0x42_d92b, 0x45_ee85, 0x4a_be08, 0x48_b7dd, 0x45_179f, 0x42_9616, 0x41_4d35];

impl Base {
    /// The power of one lane.
    pub fn power(self, exponent: f32) -> f32 {
        let bits = exponent.to_bits();
        f32::from_bits(match self {
            Base::Two => bits << 23,
            Base::EighthRootOfTwo => (bits << 20).wrapping_add(ROOT_POWERS[bits as usize % ROOT_POWERS.len()]),
        })
    }
}

/// A value that a register can be set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// As many consecutive f32 as the level has lanes.
    Load(Address),
    /// One f32 from memory, in all lanes.
    Broadcast(Address),
    /// A constant in all lanes.
    Splat(f32),
    /// Another register.
    Copy(Reg),
    /// An operation on two registers.
    Binary(Binary, Reg, Reg),
    /// `a * b + c`, rounded once where the level fuses.
    Fma(Reg, Reg, Reg),
    /// The square root, rounded once; NaN of a negative number.
    Sqrt(Reg),
    /// The [`exponent`](sartor_ops::exponent) of each lane.
    Exponent(Reg),
    /// The [`mantissa`](sartor_ops::mantissa) of each lane.
    Mantissa(Reg),
    /// A power. The low bits of the register's floats hold its exponent: see [`Base`].
    Power(Base, Reg),
    /// The first lanes of a register, and zeros in the others.
    FirstLanes(Reg, usize),
}

/// One step of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    /// A comment for the reader of the generated code.
    Comment(String),
    /// `for var in 0..count`.
    For {
        /// Counts up from zero.
        var: Var,
        /// Iterations; at least two.
        count: usize,
        /// What is repeated.
        body: Vec<Stmt>,
    },
    /// Declares a register.
    Let(Reg, Value),
    /// Gives a declared register another value.
    Set(Reg, Value),
    /// Writes all lanes of a register.
    Store(Address, Reg),
    /// Copies one f32: to the first address, from the second.
    Move(Address, Address),
    /// Sets one f32 to zero.
    Clear(Address),
    /// Fetches the cache line of an address into the L2 cache.
    Prefetch(Address),
    /// Forgets what was loaded before: values that are used again are loaded again. This is for kernels whose values do not all
    /// fit in registers.
    Reload,
}

/// What a register is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegName {
    /// A name of its own, or that of its array.
    pub name: String,
    /// Its place in an array, if it belongs to one: see [`Builder::array`].
    pub element: Option<Element>,
}

/// A place in an array of registers. The registers of an array are declared together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Rows and columns of the array.
    pub dims: [usize; 2],
    /// Row and column of the register.
    pub at: [usize; 2],
}

/// A kernel for one level.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Unique in its program: the specification, see [`crate::ir::name`].
    pub name: String,
    /// What it computes, for the reader of the generated code.
    pub doc: Vec<String>,
    /// The level it is for.
    pub level: Level,
    /// Parameters.
    pub buffers: Vec<Buffer>,
    /// Names of loop variables.
    pub vars: Vec<String>,
    /// What its registers are called.
    pub regs: Vec<RegName>,
    /// What it does.
    pub body: Vec<Stmt>,
}

/// How many operations of each kind one call executes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Vector fused multiply-adds.
    pub fmas: u64,
    /// Loads of vectors and of single f32.
    pub loads: u64,
    /// Stores of vectors and of single f32.
    pub stores: u64,
    /// All other vector operations.
    pub others: u64,
}

impl Kernel {
    /// Counts what a call executes.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        count(&self.body, 1, &mut cost);
        cost
    }

    /// f32 lanes of a register.
    pub fn lanes(&self) -> usize {
        isa::of(self.level).lanes
    }

    /// Whether another kernel is the same, except for its name and its documentation.
    pub fn is_same(&self, other: &Kernel) -> bool {
        let Kernel { name: _, doc: _, level, buffers, vars, regs, body } = self;
        (level, buffers, vars, regs, body) == (&other.level, &other.buffers, &other.vars, &other.regs, &other.body)
    }
}

/// About how many operations the exponent or the mantissa takes without an instruction for it.
const PARTS: u64 = 6;

fn count(body: &[Stmt], times: u64, cost: &mut Cost) {
    for stmt in body {
        match stmt {
            Stmt::For { count: n, body, .. } => count(body, times * *n as u64, cost),
            Stmt::Let(_, value) | Stmt::Set(_, value) => match value {
                Value::Load(_) | Value::Broadcast(_) => cost.loads += times,
                Value::Fma(..) => cost.fmas += times,
                Value::Splat(_) | Value::Copy(_) => {}
                Value::Binary(..) | Value::Sqrt(_) | Value::Power(..) | Value::FirstLanes(..) => cost.others += times,
                Value::Exponent(_) | Value::Mantissa(_) => cost.others += PARTS * times,
            },
            Stmt::Store(..) | Stmt::Clear(_) => cost.stores += times,
            Stmt::Move(..) => {
                cost.loads += times;
                cost.stores += times;
            }
            Stmt::Comment(_) | Stmt::Prefetch(_) | Stmt::Reload => {}
        }
    }
}

/// Writes a kernel statement by statement.
#[derive(Debug)]
pub struct Builder {
    kernel: Kernel,
    open: Vec<Vec<Stmt>>,
}

impl Builder {
    /// An empty kernel.
    pub fn new(name: impl Into<String>, doc: Vec<String>, level: Level) -> Self {
        let kernel =
            Kernel { name: name.into(), doc, level, buffers: Vec::new(), vars: Vec::new(), regs: Vec::new(), body: Vec::new() };
        Self { kernel, open: vec![Vec::new()] }
    }

    /// f32 lanes of a register.
    pub fn lanes(&self) -> usize {
        self.kernel.lanes()
    }

    /// The level.
    pub fn level(&self) -> Level {
        self.kernel.level
    }

    /// Adds a parameter.
    pub fn buffer(&mut self, name: impl Into<String>, len: usize, access: Access) -> Buf {
        self.kernel.buffers.push(Buffer { name: name.into(), len, access });
        Buf(self.kernel.buffers.len() - 1)
    }

    /// Adds a loop. If it has a single iteration, only its body is added; if it has none, nothing is.
    pub fn repeat(&mut self, name: &str, count: usize, body: impl FnOnce(&mut Self, Index)) {
        match count {
            0 => {}
            1 => body(self, Index::Zero),
            _ => {
                self.kernel.vars.push(name.into());
                let var = Var(self.kernel.vars.len() - 1);
                self.open.push(Vec::new());
                body(self, Index::Var(var));
                let body = self.open.pop().unwrap_or_default();
                self.push(Stmt::For { var, count, body });
            }
        }
    }

    /// Declares a register.
    pub fn set_new(&mut self, name: impl Into<String>, value: Value) -> Reg {
        self.declare(RegName { name: name.into(), element: None }, value)
    }

    /// Declares an array of registers in rows and columns, each with its value. The reader sees one array.
    pub fn array(&mut self, name: &str, dims: [usize; 2], value: impl Fn([usize; 2]) -> Value) -> Vec<Vec<Reg>> {
        let row = |b: &mut Self, row: usize| {
            let reg = |column: usize| {
                let at = [row, column];
                b.declare(RegName { name: name.into(), element: Some(Element { dims, at }) }, value(at))
            };
            (0..dims[1]).map(reg).collect()
        };
        (0..dims[0]).map(|index| row(self, index)).collect()
    }

    fn declare(&mut self, name: RegName, value: Value) -> Reg {
        self.kernel.regs.push(name);
        let reg = Reg(self.kernel.regs.len() - 1);
        self.push(Stmt::Let(reg, value));
        reg
    }

    /// Loads into a new register.
    pub fn load(&mut self, name: impl Into<String>, from: Address) -> Reg {
        self.set_new(name, Value::Load(from))
    }

    /// A new register of one constant.
    pub fn splat(&mut self, name: impl Into<String>, value: f32) -> Reg {
        self.set_new(name, Value::Splat(value))
    }

    /// Gives a register another value.
    pub fn set(&mut self, reg: Reg, value: Value) {
        self.push(Stmt::Set(reg, value));
    }

    /// `acc = a * b + acc`.
    pub fn fma(&mut self, acc: Reg, a: Reg, b: Reg) {
        self.set(acc, Value::Fma(a, b, acc));
    }

    /// `reg = op(reg, other)`.
    pub fn update(&mut self, op: Binary, reg: Reg, other: Reg) {
        self.set(reg, Value::Binary(op, reg, other));
    }

    /// Writes a register.
    pub fn store(&mut self, to: Address, reg: Reg) {
        self.push(Stmt::Store(to, reg));
    }

    /// Copies one f32.
    pub fn copy(&mut self, to: Address, from: Address) {
        self.push(Stmt::Move(to, from));
    }

    /// Sets one f32 to zero.
    pub fn clear(&mut self, to: Address) {
        self.push(Stmt::Clear(to));
    }

    /// Fetches a cache line into the L2 cache.
    pub fn prefetch(&mut self, at: Address) {
        self.push(Stmt::Prefetch(at));
    }

    /// Keeps the compiler from holding earlier loads in registers.
    pub fn reload(&mut self) {
        self.push(Stmt::Reload);
    }

    /// Adds a comment for the reader of the generated code.
    pub fn comment(&mut self, text: impl Into<String>) {
        self.push(Stmt::Comment(text.into()));
    }

    /// The kernel.
    pub fn finish(mut self) -> Kernel {
        self.kernel.body = self.open.pop().unwrap_or_default();
        self.kernel
    }

    fn push(&mut self, stmt: Stmt) {
        if let Some(body) = self.open.last_mut() {
            body.push(stmt);
        }
    }
}
