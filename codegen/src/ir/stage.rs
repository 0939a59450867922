//! Stages: which kernel is called on which part of which buffer, for each unit.
//!
//! A stage is a loop over units. Its integer arithmetic decides which rows each layer computes and where they lie. It makes few
//! calls, so the proof and the interpreter simply walk through all of them ([`Stage::calls`]).

use std::collections::BTreeMap;
use std::fmt;

use crate::ir::kernel::KernelId;

/// Memory that a stage's calls point into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Region {
    /// The user's images.
    Input,
    /// Maps that live from one stage to another.
    Arena,
    /// The rows that a thread keeps inside a stage.
    Scratch,
    /// Packed weights.
    Weights,
}

impl Region {
    /// The region's name in the runtime's `Context`.
    pub fn field(self) -> &'static str {
        match self {
            Region::Input => "input",
            Region::Arena => "arena",
            Region::Scratch => "scratch",
            Region::Weights => "weights",
        }
    }
}

/// An integer expression over a stage's variables. No value is negative; a subtraction stops at zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Int {
    /// A constant.
    Const(usize),
    /// A variable.
    Var(String),
    /// `a + b`
    Add(Box<Int>, Box<Int>),
    /// `max(a - b, 0)`
    Sub(Box<Int>, usize),
    /// `a * b`
    Mul(Box<Int>, usize),
    /// `a / b`, rounded down
    Div(Box<Int>, usize),
    /// `a % b`
    Rem(Box<Int>, usize),
    /// The smaller.
    Min(Box<Int>, usize),
    /// The larger.
    Max(Box<Int>, Box<Int>),
}

impl From<usize> for Int {
    fn from(value: usize) -> Self {
        Int::Const(value)
    }
}

/// Arithmetic that folds constants and drops neutral elements, so that generated code holds neither.
impl Int {
    /// A variable.
    pub fn var(name: &str) -> Self {
        Int::Var(name.into())
    }

    /// Its value, if it is a constant.
    pub fn constant(&self) -> Option<usize> {
        if let Int::Const(value) = self { Some(*value) } else { None }
    }

    /// `self + other`
    #[must_use]
    pub fn plus(self, other: impl Into<Int>) -> Self {
        match (self, other.into()) {
            (Int::Const(a), Int::Const(b)) => Int::Const(a + b),
            (a, Int::Const(0)) => a,
            (Int::Const(0), b) => b,
            (Int::Add(a, b), Int::Const(c)) if b.constant().is_some() => {
                Int::Add(a, Box::new(Int::Const(b.constant().unwrap_or(0) + c)))
            }
            (a @ Int::Const(_), b) => Int::Add(Box::new(b), Box::new(a)),
            (a, b) => Int::Add(Box::new(a), Box::new(b)),
        }
    }

    /// `max(self - other, 0)`
    #[must_use]
    pub fn minus(self, other: usize) -> Self {
        match self {
            Int::Const(a) => Int::Const(a.saturating_sub(other)),
            a if other == 0 => a,
            Int::Add(a, b) if b.constant().is_some_and(|b| b >= other) => {
                let rest = b.constant().unwrap_or(0) - other;
                a.plus(rest)
            }
            a => Int::Sub(Box::new(a), other),
        }
    }

    /// `self * factor`
    #[must_use]
    pub fn times(self, factor: usize) -> Self {
        match self {
            Int::Const(a) => Int::Const(a * factor),
            _ if factor == 0 => Int::Const(0),
            a if factor == 1 => a,
            Int::Mul(a, b) => Int::Mul(a, b * factor),
            Int::Add(a, b) if b.constant().is_some() => a.times(factor).plus(b.times(factor)),
            a => Int::Mul(Box::new(a), factor),
        }
    }

    /// `self / divisor`, rounded down
    #[must_use]
    pub fn over(self, divisor: usize) -> Self {
        match self {
            Int::Const(a) => Int::Const(a / divisor),
            a if divisor == 1 => a,
            Int::Mul(a, b) if b % divisor == 0 => a.times(b / divisor),
            a => Int::Div(Box::new(a), divisor),
        }
    }

    /// `self / divisor`, rounded up
    #[must_use]
    pub fn div_ceil(self, divisor: usize) -> Self {
        self.plus(divisor - 1).over(divisor)
    }

    /// `self % divisor`
    #[must_use]
    pub fn modulo(self, divisor: usize) -> Self {
        match self {
            Int::Const(a) => Int::Const(a % divisor),
            _ if divisor == 1 => Int::Const(0),
            Int::Mul(_, b) if b % divisor == 0 => Int::Const(0),
            a => Int::Rem(Box::new(a), divisor),
        }
    }

    /// The smaller of both
    #[must_use]
    pub fn min(self, other: usize) -> Self {
        match self {
            Int::Const(a) => Int::Const(a.min(other)),
            a => Int::Min(Box::new(a), other),
        }
    }

    /// The larger of both
    #[must_use]
    pub fn max(self, other: Int) -> Self {
        match (self, other) {
            (Int::Const(a), Int::Const(b)) => Int::Const(a.max(b)),
            (Int::Const(0), a) | (a, Int::Const(0)) => a,
            (a, b) if a == b => a,
            (a, b) => Int::Max(Box::new(a), Box::new(b)),
        }
    }

    fn eval(&self, vars: &BTreeMap<String, usize>) -> Result<usize, StageError> {
        let overflow = || StageError::Overflow(self.to_string());
        Ok(match self {
            Int::Const(value) => *value,
            Int::Var(name) => *vars.get(name).ok_or_else(|| StageError::UnknownVariable(name.clone()))?,
            Int::Add(a, b) => a.eval(vars)?.checked_add(b.eval(vars)?).ok_or_else(overflow)?,
            Int::Sub(a, b) => a.eval(vars)?.saturating_sub(*b),
            Int::Mul(a, b) => a.eval(vars)?.checked_mul(*b).ok_or_else(overflow)?,
            Int::Div(a, b) => a.eval(vars)?.checked_div(*b).ok_or_else(overflow)?,
            Int::Rem(a, b) => a.eval(vars)?.checked_rem(*b).ok_or_else(overflow)?,
            Int::Min(a, b) => a.eval(vars)?.min(*b),
            Int::Max(a, b) => a.eval(vars)?.max(b.eval(vars)?),
        })
    }
}

/// Printed as Rust.
impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // How an operand of `*`, `/` or `%` and the receiver of a method are printed.
        let tight = |int: &Int| match int {
            Int::Add(..) | Int::Mul(..) | Int::Div(..) | Int::Rem(..) => format!("({int})"),
            _ => int.to_string(),
        };
        match self {
            Int::Const(value) => write!(f, "{value}"),
            Int::Var(name) => write!(f, "{name}"),
            Int::Add(a, b) => write!(f, "{a} + {b}"),
            Int::Sub(a, b) => write!(f, "{}.saturating_sub({b})", tight(a)),
            Int::Mul(a, b) => write!(f, "{} * {b}", tight(a)),
            Int::Div(a, b) => match &**a {
                // This is how people write it.
                Int::Add(a, up) if up.constant().is_some_and(|up| b.checked_sub(1) == Some(up)) => {
                    write!(f, "{}.div_ceil({b})", tight(a))
                }
                a => write!(f, "{} / {b}", tight(a)),
            },
            Int::Rem(a, b) => write!(f, "{} % {b}", tight(a)),
            Int::Min(a, b) => write!(f, "{}.min({b})", tight(a)),
            Int::Max(a, b) => write!(f, "{}.max({b})", tight(a)),
        }
    }
}

/// A call's argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pointer {
    /// Where it points into.
    pub region: Region,
    /// Offset in the region, in f32.
    pub offset: Int,
}

impl Pointer {
    /// The pointer `len` f32 further.
    #[must_use]
    pub fn plus(self, len: usize) -> Self {
        Self { offset: self.offset.plus(len), ..self }
    }
}

/// One step of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A comment for the reader of the generated code.
    Comment(String),
    /// Declares a variable.
    Let(String, Int),
    /// Declares a kept variable, before the loop over units. It starts at zero and keeps its value from unit to unit.
    Keep(String),
    /// Gives a kept variable another value.
    Set(String, Int),
    /// Sets kept variables to zero where a variable is zero.
    ResetAtZero {
        /// What is tested.
        on: String,
        /// What is reset.
        kept: Vec<String>,
    },
    /// `for var in lo..hi`; nothing is done if `lo >= hi`.
    For {
        /// The variable.
        var: String,
        /// First value.
        lo: Int,
        /// First value beyond.
        hi: Int,
        /// What is repeated.
        body: Vec<Step>,
    },
    /// Has one arm for each range of values. The last arm takes all values that remain.
    Match {
        /// What is tested.
        on: Int,
        /// The ranges `lo..=hi`, and what is done in each.
        arms: Vec<Arm>,
    },
    /// Calls a kernel.
    Call {
        /// Which of the program's kernels.
        kernel: KernelId,
        /// One pointer for each buffer of the kernel.
        args: Vec<Pointer>,
    },
}

impl Step {
    /// The arms by the value of `on`, or the only arm's steps.
    pub fn by(on: Int, mut arms: Vec<Arm>) -> Vec<Self> {
        if arms.len() == 1 { arms.remove(0).body } else { vec![Self::Match { on, arms }] }
    }
}

/// An arm of [`Step::Match`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arm {
    /// First value.
    pub lo: usize,
    /// Last value.
    pub hi: usize,
    /// What is done.
    pub body: Vec<Step>,
}

/// A stage of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Name of the generated function, for example `stage_03`.
    pub name: String,
    /// The layers it computes, for people.
    pub doc: Vec<String>,
    /// Units of work.
    pub units: usize,
    /// What is done for each `unit`.
    pub body: Vec<Step>,
}

/// A call with its pointers resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// The unit that makes it.
    pub unit: usize,
    /// The kernel called.
    pub kernel: KernelId,
    /// Region and offset of each buffer.
    pub args: Vec<(Region, usize)>,
}

/// A stage that cannot be executed: a defect of the compiler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// A variable that no step declared.
    #[error("the stage reads variable '{0}' before declaring it")]
    UnknownVariable(String),
    /// A value that does not fit 64 bits.
    #[error("the expression {0} overflows")]
    Overflow(String),
    /// No arm covers a value.
    #[error("no arm of the match on {on} covers {value}")]
    NoArm {
        /// What is tested.
        on: String,
        /// Its value.
        value: usize,
    },
}

/// The values that are kept from unit to unit, by the variable that [`Step::Keep`] declares.
pub type Kept = BTreeMap<String, usize>;

impl Stage {
    /// All calls that units `begin..end` make, in order.
    ///
    /// # Errors
    /// If the stage is ill-formed.
    pub fn calls(&self, begin: usize, end: usize) -> Result<Vec<Call>, StageError> {
        let mut kept = self.start();
        let mut calls = Vec::new();
        for unit in begin..end {
            calls.extend(self.unit(unit, &mut kept)?);
        }
        Ok(calls)
    }

    /// The kept values before the first unit of a range.
    pub fn start(&self) -> Kept {
        let name = |step: &Step| if let Step::Keep(name) = step { Some((name.clone(), 0)) } else { None };
        self.body.iter().filter_map(name).collect()
    }

    /// The calls of one unit. Running it changes the kept values.
    ///
    /// # Errors
    /// If the stage is ill-formed.
    pub fn unit(&self, unit: usize, kept: &mut Kept) -> Result<Vec<Call>, StageError> {
        let mut vars = kept.clone();
        vars.insert("unit".into(), unit);
        let mut calls = Vec::new();
        walk(&self.body, unit, &mut vars, &mut calls)?;
        for (name, value) in kept {
            *value = vars.get(name).copied().ok_or_else(|| StageError::UnknownVariable(name.clone()))?;
        }
        Ok(calls)
    }
}

fn walk(body: &[Step], unit: usize, vars: &mut BTreeMap<String, usize>, calls: &mut Vec<Call>) -> Result<(), StageError> {
    for step in body {
        match step {
            Step::Comment(_) | Step::Keep(_) => {}
            Step::Let(name, value) | Step::Set(name, value) => {
                let value = value.eval(vars)?;
                vars.insert(name.clone(), value);
            }
            Step::ResetAtZero { on, kept } => {
                if Int::var(on).eval(vars)? == 0 {
                    kept.iter().for_each(|name| {
                        vars.insert(name.clone(), 0);
                    });
                }
            }
            Step::For { var, lo, hi, body } => {
                for value in lo.eval(vars)?..hi.eval(vars)? {
                    vars.insert(var.clone(), value);
                    walk(body, unit, vars, calls)?;
                }
            }
            Step::Match { on, arms } => {
                let value = on.eval(vars)?;
                let arm = arms.iter().find(|arm| (arm.lo..=arm.hi).contains(&value));
                let arm = arm.ok_or_else(|| StageError::NoArm { on: on.to_string(), value })?;
                walk(&arm.body, unit, vars, calls)?;
            }
            Step::Call { kernel, args } => {
                let resolve = |pointer: &Pointer| Ok((pointer.region, pointer.offset.eval(vars)?));
                let args = args.iter().map(resolve).collect::<Result<_, StageError>>()?;
                calls.push(Call { unit, kernel: *kernel, args });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_is_printed_as_people_write_it() {
        let unit = || Box::new(Int::Var("unit".into()));
        let divided = |up, by| Int::Div(Box::new(Int::Add(unit(), Box::new(Int::Const(up)))), by).to_string();
        assert_eq!(divided(3, 4), "unit.div_ceil(4)");
        assert_eq!(divided(2, 4), "(unit + 2) / 4");
        // No plan divides by zero, but the error that says so prints it.
        assert_eq!(divided(usize::MAX, 0), format!("(unit + {}) / 0", usize::MAX));
    }
}
