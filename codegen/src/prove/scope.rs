//! Proves that kernels are well formed. Every name is declared where it is used, and means there what the kernel means. Buffers
//! that may only be read are not stored to.

use std::collections::HashMap;

use crate::ir::kernel::{Access, Address, Buf, Kernel, Reg, Stmt, Value, Var};

/// A kernel that is not well formed.
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
    /// A register, variable or buffer that is used where its name means something else.
    #[error("kernel {kernel}: {name} is another {name} where it is used")]
    Shadowed {
        /// The kernel.
        kernel: String,
        /// The name that both have.
        name: String,
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

/// Proves that a kernel is well formed.
pub fn kernel(kernel: &Kernel) -> Result<(), ScopeError> {
    let mut scope = Scope { kernel, vars: Vec::new(), declared: vec![false; kernel.regs.len()], names: HashMap::new() };
    for (index, buffer) in kernel.buffers.iter().enumerate() {
        scope.names.entry(&buffer.name).or_default().push(Named::Buffer(Buf(index)));
    }
    scope.body(&kernel.body)
}

/// What a name means in the text of a kernel.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    /// A register by itself, or the array of registers that begins with it.
    Register(Reg),
    Variable(Var),
    Buffer(Buf),
}

struct Scope<'a> {
    kernel: &'a Kernel,
    vars: Vec<Var>,
    declared: Vec<bool>,
    /// What each name is declared as. The innermost declaration is the last.
    names: HashMap<&'a str, Vec<Named>>,
}

impl<'a> Scope<'a> {
    fn body(&mut self, body: &'a [Stmt]) -> Result<(), ScopeError> {
        let mut declared = Vec::new();
        for stmt in body {
            match stmt {
                Stmt::Comment(_) | Stmt::Reload => {}
                Stmt::For { var, body, .. } => {
                    let name = self.kernel.vars.get(var.0).ok_or_else(|| self.out_of_scope("variable", var.0))?;
                    self.vars.push(*var);
                    self.names.entry(name).or_default().push(Named::Variable(*var));
                    self.body(body)?;
                    self.names.entry(name).or_default().pop();
                    self.vars.pop();
                }
                Stmt::Let(reg, value) => {
                    self.value(value)?;
                    if reg.0 >= self.declared.len() {
                        return Err(self.out_of_scope("register", reg.0));
                    }
                    self.declared[reg.0] = true;
                    let named = self.named(*reg);
                    self.names.entry(&self.kernel.regs[reg.0].name).or_default().push(named);
                    declared.push(*reg);
                }
                Stmt::Set(reg, value) => {
                    self.value(value)?;
                    self.reg(*reg)?;
                }
                Stmt::Store(to, reg) => {
                    self.reg(*reg)?;
                    self.written(to)?;
                }
                Stmt::Move(to, from) => self.address(from).and(self.written(to))?,
                Stmt::Clear(to) => self.written(to)?,
                Stmt::Prefetch(at) => self.address(at)?,
            }
        }
        for reg in declared.into_iter().rev() {
            self.declared[reg.0] = false;
            self.names.entry(&self.kernel.regs[reg.0].name).or_default().pop();
        }
        Ok(())
    }

    fn value(&self, value: &Value) -> Result<(), ScopeError> {
        match value {
            Value::Load(at) | Value::Broadcast(at) => self.address(at),
            Value::Splat(_) => Ok(()),
            Value::FirstLanes(_, kept) if *kept > self.kernel.lanes() => {
                Err(ScopeError::Lanes { kernel: self.kernel.name.clone(), kept: *kept, lanes: self.kernel.lanes() })
            }
            Value::Copy(a) | Value::Sqrt(a) | Value::Power(_, a) | Value::FirstLanes(a, _) => self.reg(*a),
            Value::Exponent(a) | Value::Mantissa(a) => self.reg(*a),
            Value::Binary(_, a, b) => self.reg(*a).and(self.reg(*b)),
            Value::Fma(a, b, c) => self.reg(*a).and(self.reg(*b)).and(self.reg(*c)),
        }
    }

    fn reg(&self, reg: Reg) -> Result<(), ScopeError> {
        if self.declared.get(reg.0) != Some(&true) {
            return Err(self.out_of_scope("register", reg.0));
        }
        self.means(&self.kernel.regs[reg.0].name, self.named(reg))
    }

    /// What the text names where it uses a register: the register itself, or its array. The elements of an array are declared one
    /// after another, from the first.
    fn named(&self, reg: Reg) -> Named {
        let before = self.kernel.regs[reg.0].element.map_or(0, |element| element.at[0] * element.dims[1] + element.at[1]);
        Named::Register(Reg(reg.0.saturating_sub(before)))
    }

    /// An address that is written.
    fn written(&self, to: &Address) -> Result<(), ScopeError> {
        self.address(to)?;
        let buffer = &self.kernel.buffers[to.buffer.0];
        if buffer.access == Access::Write {
            return Ok(());
        }
        Err(ScopeError::StoreToRead { kernel: self.kernel.name.clone(), buffer: buffer.name.clone() })
    }

    fn address(&self, at: &Address) -> Result<(), ScopeError> {
        if at.buffer.0 >= self.kernel.buffers.len() {
            return Err(self.out_of_scope("buffer", at.buffer.0));
        }
        self.means(&self.kernel.buffers[at.buffer.0].name, Named::Buffer(at.buffer))?;
        for (var, _) in &at.terms {
            if !self.vars.contains(var) {
                return Err(self.out_of_scope("variable", var.0));
            }
            self.means(&self.kernel.vars[var.0], Named::Variable(*var))?;
        }
        Ok(())
    }

    /// Checks that a name means this here.
    fn means(&self, name: &str, what: Named) -> Result<(), ScopeError> {
        match self.names.get(name).and_then(|meanings| meanings.last()) {
            Some(innermost) if *innermost == what => Ok(()),
            _ => Err(ScopeError::Shadowed { kernel: self.kernel.name.clone(), name: name.into() }),
        }
    }

    fn out_of_scope(&self, what: &str, index: usize) -> ScopeError {
        ScopeError::OutOfScope { kernel: self.kernel.name.clone(), what: format!("{what} {index}") }
    }
}
