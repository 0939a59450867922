//! The bounds proof: every load and store of a kernel stays inside its buffer, every call of a stage hands over buffers that
//! lie inside their region. Kernels that fail are never emitted.

use crate::kernel::{Access, Address, Kernel, Reg, Stmt, Value, Var};
use crate::stage::{Call, Region, Stage, StageError};

/// What was proven, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// Loads, broadcasts, stores and prefetches of kernels, counted in the source.
    pub accesses: usize,
    /// Calls of stages, counted as they run.
    pub calls: usize,
}

/// Why a program is refused: a defect of the compiler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// An access beyond its buffer.
    #[error("kernel {kernel}: an access to {buffer} reaches f32 {reach} of {len}")]
    OutOfBounds {
        /// The kernel.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// First f32 that may not be touched and is.
        reach: usize,
        /// Length of the buffer.
        len: usize,
    },
    /// A store into a buffer declared as read.
    #[error("kernel {kernel}: stores to {buffer}, which is only read")]
    StoreToRead {
        /// The kernel.
        kernel: String,
        /// The buffer.
        buffer: String,
    },
    /// A register or variable used outside its scope.
    #[error("kernel {kernel}: {what} is used outside its scope")]
    OutOfScope {
        /// The kernel.
        kernel: String,
        /// Register or variable.
        what: String,
    },
    /// A call beyond its region.
    #[error("{stage}, unit {unit}: {kernel} gets {region:?} from {offset} to {reach}, beyond {len}")]
    CallOutOfBounds {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// The region.
        region: Region,
        /// Where the buffer begins.
        offset: usize,
        /// Where it ends.
        reach: usize,
        /// Length of the region.
        len: usize,
    },
    /// A call with too few or too many pointers.
    #[error("{stage}, unit {unit}: {kernel} takes {expected} buffers and gets {found}")]
    Arity {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// Buffers of the kernel.
        expected: usize,
        /// Pointers of the call.
        found: usize,
    },
    /// A call that writes to the input or the weights.
    #[error("{stage}: {kernel} writes to {region:?}")]
    WritesConstant {
        /// The stage.
        stage: String,
        /// The kernel called.
        kernel: String,
        /// The region.
        region: Region,
    },
    /// An ill-formed stage.
    #[error("{stage}: {error}")]
    Stage {
        /// The stage.
        stage: String,
        /// What is wrong.
        error: StageError,
    },
}

/// Proves that a kernel stays inside its buffers. Returns the accesses it proved.
///
/// # Errors
/// If an access can leave its buffer, a store goes to a buffer that is only read, or a name is out of scope.
pub fn kernel(kernel: &Kernel) -> Result<usize, Unproven> {
    let mut proof = KernelProof { kernel, scope: Vec::new(), declared: vec![false; kernel.regs.len()], accesses: 0 };
    proof.body(&kernel.body)?;
    Ok(proof.accesses)
}

struct KernelProof<'a> {
    kernel: &'a Kernel,
    scope: Vec<(Var, usize)>,
    declared: Vec<bool>,
    accesses: usize,
}

impl KernelProof<'_> {
    fn body(&mut self, body: &[Stmt]) -> Result<(), Unproven> {
        let mut declared = Vec::new();
        for stmt in body {
            match stmt {
                Stmt::Comment(_) => {}
                Stmt::For { var, count, body } => {
                    self.scope.push((*var, *count));
                    self.body(body)?;
                    self.scope.pop();
                }
                Stmt::Let(reg, value) => {
                    self.value(value)?;
                    self.declared[reg.0] = true;
                    declared.push(*reg);
                }
                Stmt::Set(reg, value) => {
                    self.value(value)?;
                    self.reg(*reg)?;
                }
                Stmt::Store(to, reg) => {
                    self.reg(*reg)?;
                    let buffer = &self.kernel.buffers[to.buffer.0];
                    if buffer.access != Access::Write {
                        return Err(Unproven::StoreToRead { kernel: self.kernel.name.clone(), buffer: buffer.name.clone() });
                    }
                    self.access(to, self.kernel.lanes())?;
                }
                Stmt::Prefetch(at) => self.access(at, 1)?,
            }
        }
        declared.into_iter().for_each(|reg| self.declared[reg.0] = false);
        Ok(())
    }

    fn value(&mut self, value: &Value) -> Result<(), Unproven> {
        match value {
            Value::Load(at) => self.access(at, self.kernel.lanes()),
            Value::Broadcast(at) => self.access(at, 1),
            Value::Splat(_) => Ok(()),
            Value::Copy(a) | Value::FirstLanes(a, _) => self.reg(*a),
            Value::Binary(_, a, b) => self.reg(*a).and(self.reg(*b)),
            Value::Fma(a, b, c) => self.reg(*a).and(self.reg(*b)).and(self.reg(*c)),
        }
    }

    fn reg(&self, reg: Reg) -> Result<(), Unproven> {
        if self.declared.get(reg.0) == Some(&true) { Ok(()) } else { Err(self.out_of_scope(format!("register {}", reg.0))) }
    }

    fn out_of_scope(&self, what: String) -> Unproven {
        Unproven::OutOfScope { kernel: self.kernel.name.clone(), what }
    }

    fn access(&mut self, at: &Address, width: usize) -> Result<(), Unproven> {
        let buffer = &self.kernel.buffers[at.buffer.0];
        // Strides are non-negative, so the last iteration of every loop reaches furthest.
        let mut reach = at.offset.checked_add(width);
        for (var, stride) in &at.terms {
            let count = self.scope.iter().find(|(v, _)| v == var).map(|(_, count)| *count);
            let count = count.ok_or_else(|| self.out_of_scope(format!("variable {}", var.0)))?;
            reach = reach.and_then(|reach| reach.checked_add(stride.checked_mul(count - 1)?));
        }
        let reach = reach.unwrap_or(usize::MAX);
        if reach > buffer.len {
            let (kernel, buffer_name) = (self.kernel.name.clone(), buffer.name.clone());
            return Err(Unproven::OutOfBounds { kernel, buffer: buffer_name, reach, len: buffer.len });
        }
        self.accesses += 1;
        Ok(())
    }
}

/// Lengths of the regions, in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// The user's images.
    pub input: usize,
    /// The arena.
    pub arena: usize,
    /// One thread's scratch memory.
    pub scratch: usize,
    /// The packed weights.
    pub weights: usize,
}

impl Lengths {
    /// Length of one region.
    pub fn of(&self, region: Region) -> usize {
        match region {
            Region::Input => self.input,
            Region::Arena => self.arena,
            Region::Scratch => self.scratch,
            Region::Weights => self.weights,
        }
    }
}

/// Proves all calls that a stage can make, whatever units a thread is given. Returns their number.
///
/// What a unit does depends on the unit before it alone, so runs of two units from every start cover all runs.
///
/// # Errors
/// If a call hands over memory outside its region, or memory to write that is constant.
pub fn stage(stage: &Stage, kernels: &[Kernel], lengths: &Lengths) -> Result<usize, Unproven> {
    let mut proven = 0;
    for begin in 0..stage.units {
        let calls = stage.calls(begin, (begin + 2).min(stage.units));
        let calls = calls.map_err(|error| Unproven::Stage { stage: stage.name.clone(), error })?;
        for made in &calls {
            call(stage, made, &kernels[made.kernel], lengths)?;
        }
        proven += calls.len();
    }
    Ok(proven)
}

fn call(stage: &Stage, call: &Call, kernel: &Kernel, lengths: &Lengths) -> Result<(), Unproven> {
    let (stage, unit, name) = (stage.name.clone(), call.unit, kernel.name.clone());
    if call.args.len() != kernel.buffers.len() {
        return Err(Unproven::Arity { stage, unit, kernel: name, expected: kernel.buffers.len(), found: call.args.len() });
    }
    for (&(region, offset), buffer) in call.args.iter().zip(&kernel.buffers) {
        if buffer.access == Access::Write && matches!(region, Region::Input | Region::Weights) {
            return Err(Unproven::WritesConstant { stage, kernel: name, region });
        }
        let (reach, len) = (offset.saturating_add(buffer.len), lengths.of(region));
        if reach > len {
            return Err(Unproven::CallOutOfBounds { stage, unit, kernel: name, region, offset, reach, len });
        }
    }
    Ok(())
}
