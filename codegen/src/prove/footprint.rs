//! What a call of a kernel reads and writes, exact to the f32. It is computed once for each kernel, and then moved to where each
//! call's pointers point.

use std::ops::Range;

use crate::ir::kernel::{Address, Buf, Kernel, Stmt};

use super::access::{self, AccessKind};
use super::set::Set;

/// What a call does to one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// What the call reads before writing it, in order.
    pub reads: Vec<Range<usize>>,
    /// What the call writes, in order.
    pub writes: Vec<Range<usize>>,
    /// A place where a store overwrites a value that nothing has read, if there is one.
    pub overwritten: Option<usize>,
}

/// What a call does to each of its buffers. The kernel's accesses must have been proven in bounds.
pub fn of(kernel: &Kernel) -> Vec<Touched> {
    let sets = || kernel.buffers.iter().map(|buffer| Set::new(buffer.len)).collect::<Vec<_>>();
    let mut trace = Trace {
        kernel,
        vars: vec![0; kernel.vars.len()],
        reads: sets(),
        writes: sets(),
        unread: sets(),
        overwritten: vec![None; kernel.buffers.len()],
    };
    let mut stored = vec![false; kernel.buffers.len()];
    let visited: Result<(), ()> = access::all(kernel, |access| {
        stored[access.at.buffer.0] |= access.kind.writes();
        Ok(())
    });
    debug_assert!(visited.is_ok());
    // The order of reads matters only in buffers that the call also writes. For the others, the loops need not be walked through.
    let visited: Result<(), ()> = access::all(kernel, |access| {
        let buffer = access.at.buffer.0;
        if !stored[buffer] && matches!(access.kind, AccessKind::Load | AccessKind::Broadcast) {
            insert(&mut trace.reads[buffer], access);
        }
        Ok(())
    });
    debug_assert!(visited.is_ok());
    trace.walk(&kernel.body, &stored);
    let touched = |((reads, writes), overwritten): ((Set, Set), Option<usize>)| Touched {
        reads: reads.ranges(),
        writes: writes.ranges(),
        overwritten,
    };
    trace.reads.into_iter().zip(trace.writes).zip(trace.overwritten).map(touched).collect()
}

/// Adds everything that an access touches to a set.
fn insert(set: &mut Set, access: access::Access<'_>) {
    let mut terms: Vec<(usize, usize)> = access.terms().flatten().collect();
    terms.sort_unstable();
    let mut width = access.width;
    // If a step is no longer than the piece it moves, the pieces join to one longer piece.
    terms.retain(|&(stride, count)| {
        let joins = stride <= width && count > 0;
        if joins {
            width += stride * (count - 1);
        }
        !joins
    });
    pieces(set, access.at.offset, width, &terms);
}

fn pieces(set: &mut Set, at: usize, width: usize, terms: &[(usize, usize)]) {
    match terms.split_last() {
        None => set.insert(at..at + width),
        Some((&(stride, count), rest)) => (0..count).for_each(|i| pieces(set, at + i * stride, width, rest)),
    }
}

/// Walks through the loops in order, but only through those that touch buffers that are stored to.
struct Trace<'a> {
    kernel: &'a Kernel,
    vars: Vec<usize>,
    reads: Vec<Set>,
    writes: Vec<Set>,
    /// What was stored, and not read since.
    unread: Vec<Set>,
    overwritten: Vec<Option<usize>>,
}

impl Trace<'_> {
    fn walk(&mut self, body: &[Stmt], stored: &[bool]) {
        for stmt in body {
            match stmt {
                Stmt::For { var, count, body } if touches(body, stored) => {
                    for i in 0..*count {
                        self.vars[var.0] = i;
                        self.walk(body, stored);
                    }
                }
                _ => access::of(stmt).filter(|(_, at)| stored[at.buffer.0]).for_each(|(kind, at)| self.access(kind, at)),
            }
        }
    }

    fn access(&mut self, kind: AccessKind, at: &Address) {
        let Buf(buffer) = at.buffer;
        let start = at.offset + at.terms.iter().map(|(var, stride)| self.vars[var.0] * stride).sum::<usize>();
        let mut rest = start..start + access::width(self.kernel, kind);
        match kind {
            AccessKind::Store | AccessKind::Put => {
                self.overwritten[buffer] = self.overwritten[buffer].or(self.unread[buffer].first_present(rest.clone()));
                self.unread[buffer].insert(rest.clone());
                self.writes[buffer].insert(rest);
            }
            AccessKind::Load | AccessKind::Broadcast => {
                self.unread[buffer].remove(rest.clone());
                while let Some(from) = self.writes[buffer].first_missing(rest.clone()) {
                    let to = self.writes[buffer].first_present(from..rest.end).unwrap_or(rest.end);
                    self.reads[buffer].insert(from..to);
                    rest.start = to;
                }
            }
            AccessKind::Prefetch => {}
        }
    }
}

fn touches(body: &[Stmt], stored: &[bool]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::For { body, .. } => touches(body, stored),
        _ => access::of(stmt).any(|(_, at)| stored[at.buffer.0]),
    })
}
