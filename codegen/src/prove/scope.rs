//! Kernels are well formed: every name is declared where it is used, and buffers that are only read are not stored to.

use crate::ir::kernel::{Access, Address, Kernel, Reg, Stmt, Value, Var};

/// A kernel that does not make sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A register, variable or buffer used outside its scope.
    #[error("kernel {kernel}: {what} is used outside its scope")]
    OutOfScope {
        /// The kernel.
        kernel: String,
        /// Register, variable or buffer.
        what: String,
    },
    /// A store into a buffer declared as read.
    #[error("kernel {kernel}: stores to {buffer}, which is only read")]
    StoreToRead {
        /// The kernel.
        kernel: String,
        /// The buffer.
        buffer: String,
    },
    /// More lanes kept than a register has.
    #[error("kernel {kernel}: keeps {kept} of {lanes} lanes")]
    Lanes {
        /// The kernel.
        kernel: String,
        /// Lanes kept.
        kept: usize,
        /// Lanes of a register.
        lanes: usize,
    },
}

/// Proves a kernel well formed.
pub fn kernel(kernel: &Kernel) -> Result<(), ScopeError> {
    Scope { kernel, vars: Vec::new(), declared: vec![false; kernel.regs.len()] }.body(&kernel.body)
}

struct Scope<'a> {
    kernel: &'a Kernel,
    vars: Vec<Var>,
    declared: Vec<bool>,
}

impl Scope<'_> {
    fn body(&mut self, body: &[Stmt]) -> Result<(), ScopeError> {
        let mut declared = Vec::new();
        for stmt in body {
            match stmt {
                Stmt::Comment(_) | Stmt::Reload => {}
                Stmt::For { var, body, .. } => {
                    self.vars.push(*var);
                    self.body(body)?;
                    self.vars.pop();
                }
                Stmt::Let(reg, value) => {
                    self.value(value)?;
                    if reg.0 >= self.declared.len() {
                        return Err(self.out_of_scope("register", reg.0));
                    }
                    self.declared[reg.0] = true;
                    declared.push(*reg);
                }
                Stmt::Set(reg, value) => {
                    self.value(value)?;
                    self.reg(*reg)?;
                }
                Stmt::Store(to, reg) => {
                    self.reg(*reg)?;
                    self.address(to)?;
                    let buffer = &self.kernel.buffers[to.buffer.0];
                    if buffer.access != Access::Write {
                        return Err(ScopeError::StoreToRead { kernel: self.kernel.name.clone(), buffer: buffer.name.clone() });
                    }
                }
                Stmt::Prefetch(at) => self.address(at)?,
            }
        }
        declared.into_iter().for_each(|reg| self.declared[reg.0] = false);
        Ok(())
    }

    fn value(&self, value: &Value) -> Result<(), ScopeError> {
        match value {
            Value::Load(at) | Value::Broadcast(at) => self.address(at),
            Value::Splat(_) => Ok(()),
            Value::FirstLanes(_, kept) if *kept > self.kernel.lanes() => {
                Err(ScopeError::Lanes { kernel: self.kernel.name.clone(), kept: *kept, lanes: self.kernel.lanes() })
            }
            Value::Copy(a) | Value::Power(_, a) | Value::FirstLanes(a, _) => self.reg(*a),
            Value::Binary(_, a, b) => self.reg(*a).and(self.reg(*b)),
            Value::Fma(a, b, c) => self.reg(*a).and(self.reg(*b)).and(self.reg(*c)),
        }
    }

    fn reg(&self, reg: Reg) -> Result<(), ScopeError> {
        if self.declared.get(reg.0) == Some(&true) { Ok(()) } else { Err(self.out_of_scope("register", reg.0)) }
    }

    fn address(&self, at: &Address) -> Result<(), ScopeError> {
        if at.buffer.0 >= self.kernel.buffers.len() {
            return Err(self.out_of_scope("buffer", at.buffer.0));
        }
        let unknown = at.terms.iter().find(|(var, _)| !self.vars.contains(var));
        unknown.map_or(Ok(()), |(var, _)| Err(self.out_of_scope("variable", var.0)))
    }

    fn out_of_scope(&self, what: &str, index: usize) -> ScopeError {
        ScopeError::OutOfScope { kernel: self.kernel.name.clone(), what: format!("{what} {index}") }
    }
}
