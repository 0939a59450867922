//! The accesses of a kernel, each with the loops around it.

use crate::ir::kernel::{Address, Kernel, Stmt, Value, Var};

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// Reads a register's lanes.
    Load,
    /// Reads one f32.
    Broadcast,
    /// Writes a register's lanes.
    Store,
    /// Writes one f32.
    Put,
    /// Fetches a cache line. It neither reads nor writes.
    Prefetch,
}

/// An access as it stands in the text of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// What it does.
    pub kind: AccessKind,
    /// Where.
    pub at: &'a Address,
    /// Variables and counts of the loops around it, outermost first.
    pub loops: &'a [(Var, usize)],
    /// How many f32 it touches.
    pub width: usize,
}

impl Access<'_> {
    /// The strides of its address, each with the count of its loop; `None` for a variable outside its scope.
    pub fn terms(&self) -> impl Iterator<Item = Option<(usize, usize)>> {
        self.at.terms.iter().map(|(var, stride)| {
            let count = self.loops.iter().rev().find(|(looped, _)| looped == var).map(|(_, count)| *count);
            count.map(|count| (*stride, count))
        })
    }

    /// The first f32 beyond all that it touches; `None` if that does not fit 64 bits.
    pub fn reach(&self) -> Option<usize> {
        // No stride is negative, so the last iteration of every loop reaches furthest.
        let mut reach = self.at.offset.checked_add(self.width);
        for (stride, count) in self.terms().flatten() {
            reach = reach.and_then(|reach| reach.checked_add(stride.checked_mul(count.saturating_sub(1))?));
        }
        reach
    }
}

impl AccessKind {
    /// Whether it writes.
    pub fn writes(self) -> bool {
        matches!(self, AccessKind::Store | AccessKind::Put)
    }
}

/// What a statement accesses, in order.
pub fn of(stmt: &Stmt) -> impl Iterator<Item = (AccessKind, &Address)> {
    let (first, second) = match stmt {
        Stmt::Let(_, Value::Load(at)) | Stmt::Set(_, Value::Load(at)) => (Some((AccessKind::Load, at)), None),
        Stmt::Let(_, Value::Broadcast(at)) | Stmt::Set(_, Value::Broadcast(at)) => (Some((AccessKind::Broadcast, at)), None),
        Stmt::Store(at, _) => (Some((AccessKind::Store, at)), None),
        Stmt::Move(to, from) => (Some((AccessKind::Broadcast, from)), Some((AccessKind::Put, to))),
        Stmt::Clear(to) => (Some((AccessKind::Put, to)), None),
        Stmt::Prefetch(at) => (Some((AccessKind::Prefetch, at)), None),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

/// How many f32 an access of a kernel touches.
pub fn width(kernel: &Kernel, kind: AccessKind) -> usize {
    if matches!(kind, AccessKind::Load | AccessKind::Store) { kernel.lanes() } else { 1 }
}

/// Calls `visit` with every access of a kernel, in order.
pub fn all<E>(kernel: &Kernel, mut visit: impl FnMut(Access<'_>) -> Result<(), E>) -> Result<(), E> {
    body(kernel, &kernel.body, &mut Vec::new(), &mut visit)
}

fn body<E>(
    kernel: &Kernel,
    stmts: &[Stmt],
    loops: &mut Vec<(Var, usize)>,
    visit: &mut impl FnMut(Access<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for stmt in stmts {
        if let Stmt::For { var, count, body: inner } = stmt {
            loops.push((*var, *count));
            body(kernel, inner, loops, visit)?;
            loops.pop();
        } else {
            for (kind, at) in of(stmt) {
                visit(Access { kind, at, loops, width: width(kernel, kind) })?;
            }
        }
    }
    Ok(())
}
