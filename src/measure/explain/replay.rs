//! Replays the accesses of kernels on the model of the caches.

use sartor_codegen::ir::kernel::{Address, Cost, Kernel, Stmt, Value};
use sartor_codegen::ir::stage::Region;

use super::cache::{Hierarchy, LINE};
use super::memory::Bases;

/// The first and last f32 of a buffer that loads reach, and the same for stores.
pub type Span = (Option<(usize, usize)>, Option<(usize, usize)>);

/// A kernel, reduced to its accesses and its counts.
pub struct Replay {
    body: Vec<Node>,
    vars: usize,
    pub cost: Cost,
    /// The loads that broadcast one f32.
    pub broadcasts: u64,
    /// The loop-carried multiply-adds, and the loop-carried other arithmetic.
    pub chain: (u64, u64),
    /// The parts of each buffer that it reaches.
    pub spans: Vec<Span>,
}

enum Node {
    For { var: usize, count: usize, body: Vec<Node> },
    Access { kind: AccessKind, at: Address, bytes: usize },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AccessKind {
    Load,
    Store,
    Prefetch,
}

impl Replay {
    pub fn new(kernel: &Kernel) -> Self {
        let mut replay = Self {
            body: Vec::new(),
            vars: kernel.vars.len(),
            cost: kernel.cost(),
            broadcasts: 0,
            chain: (0, 0),
            spans: vec![(None, None); kernel.buffers.len()],
        };
        let mut counts = vec![1; kernel.vars.len()];
        replay.body = replay.nodes(&kernel.body, 1, &mut counts, 4 * kernel.lanes());
        replay
    }

    fn nodes(&mut self, body: &[Stmt], times: u64, counts: &mut [usize], vector: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        for stmt in body {
            let mut accesses = Vec::new();
            match stmt {
                Stmt::For { var, count, body } => {
                    counts[var.0] = *count;
                    let times = times * *count as u64;
                    let inner = self.nodes(body, times, counts, vector);
                    if !body.iter().any(|stmt| matches!(stmt, Stmt::For { .. })) {
                        let (fmas, others) = carried(body);
                        self.chain.0 += times * fmas;
                        self.chain.1 += times * others;
                    }
                    if !inner.is_empty() {
                        nodes.push(Node::For { var: var.0, count: *count, body: inner });
                    }
                    continue;
                }
                Stmt::Let(_, Value::Load(at)) | Stmt::Set(_, Value::Load(at)) => accesses.push((AccessKind::Load, at, vector)),
                Stmt::Let(_, Value::Broadcast(at)) | Stmt::Set(_, Value::Broadcast(at)) => {
                    self.broadcasts += times;
                    accesses.push((AccessKind::Load, at, 4));
                }
                Stmt::Store(at, _) => accesses.push((AccessKind::Store, at, vector)),
                Stmt::Move(to, from) => accesses.extend([(AccessKind::Load, from, 4), (AccessKind::Store, to, 4)]),
                Stmt::Clear(to) => accesses.push((AccessKind::Store, to, 4)),
                Stmt::Prefetch(at) => accesses.push((AccessKind::Prefetch, at, 4)),
                Stmt::Comment(_) | Stmt::Reload | Stmt::Let(..) | Stmt::Set(..) => {}
            }
            nodes.extend(accesses.into_iter().map(|access| self.access(access, counts)));
        }
        nodes
    }

    /// An access, which counts in the span of its buffer.
    fn access(&mut self, (kind, at, bytes): (AccessKind, &Address, usize), counts: &[usize]) -> Node {
        let reach: usize = at.terms.iter().map(|(var, stride)| (counts[var.0] - 1) * stride).sum();
        let span = &mut self.spans[at.buffer.0];
        let span = match kind {
            AccessKind::Load => Some(&mut span.0),
            AccessKind::Store => Some(&mut span.1),
            AccessKind::Prefetch => None,
        };
        if let Some(span) = span {
            let (first, last) = span.unwrap_or((at.offset, 0));
            *span = Some((first.min(at.offset), last.max(at.offset + reach + bytes / 4 - 1)));
        }
        Node::Access { kind, at: at.clone(), bytes }
    }

    /// Replays one call.
    pub fn run(&self, args: &[(Region, usize)], bases: &Bases, hierarchy: &mut Hierarchy) {
        let bases: Vec<usize> = args.iter().map(|&(region, offset)| bases.address(region, offset)).collect();
        walk(&self.body, &bases, &mut vec![0; self.vars], hierarchy);
    }
}

/// The longest chain of operations, in one iteration of a loop, on a register whose value comes from the iteration before: the number of
/// multiply-adds and of other operations.
fn carried(body: &[Stmt]) -> (u64, u64) {
    let mut chains: Vec<(usize, u64, u64)> = Vec::new();
    for stmt in body {
        let Stmt::Set(reg, value) = stmt else { continue };
        if body.iter().any(|stmt| matches!(stmt, Stmt::Let(declared, _) if declared == reg)) {
            continue;
        }
        let (fma, other) = match value {
            Value::Fma(_, _, acc) if acc == reg => (1, 0),
            Value::Binary(_, a, b) if a == reg || b == reg => (0, 1),
            _ => continue,
        };
        match chains.iter_mut().find(|chain| chain.0 == reg.0) {
            Some(chain) => (chain.1, chain.2) = (chain.1 + fma, chain.2 + other),
            None => chains.push((reg.0, fma, other)),
        }
    }
    chains.into_iter().map(|(_, fmas, others)| (fmas, others)).max_by_key(|chain| chain.0 + chain.1).unwrap_or((0, 0))
}

fn walk(body: &[Node], bases: &[usize], vars: &mut [usize], hierarchy: &mut Hierarchy) {
    for node in body {
        match node {
            Node::For { var, count, body } if body.iter().all(|node| matches!(node, Node::Access { .. })) => {
                innermost(body, *var, *count, bases, vars, hierarchy);
            }
            Node::For { var, count, body } => {
                for value in 0..*count {
                    vars[*var] = value;
                    walk(body, bases, vars, hierarchy);
                }
            }
            Node::Access { kind, at, bytes } => {
                access(*kind, address(at, bases, vars), *bytes, hierarchy);
            }
        }
    }
}

/// Replays a loop that has accesses alone. An access that stays in the same line as before causes no traffic.
fn innermost(body: &[Node], var: usize, count: usize, bases: &[usize], vars: &mut [usize], hierarchy: &mut Hierarchy) {
    vars[var] = 0;
    let mut streams: Vec<(AccessKind, usize, usize, usize, usize)> = Vec::with_capacity(body.len());
    for node in body {
        if let Node::Access { kind, at, bytes } = node {
            let stride = at.terms.iter().filter(|term| term.0.0 == var).map(|term| 4 * term.1).sum();
            streams.push((*kind, address(at, bases, vars), stride, *bytes, usize::MAX));
        }
    }
    for _ in 0..count {
        for (kind, at, stride, bytes, last) in &mut streams {
            let line = (*at + *bytes - 1) / LINE;
            if line != *last {
                access(*kind, *at, *bytes, hierarchy);
                *last = line;
            }
            *at += *stride;
        }
    }
}

fn address(at: &Address, bases: &[usize], vars: &[usize]) -> usize {
    let terms: usize = at.terms.iter().map(|(var, stride)| vars[var.0] * stride).sum();
    bases[at.buffer.0] + 4 * (at.offset + terms)
}

fn access(kind: AccessKind, at: usize, bytes: usize, hierarchy: &mut Hierarchy) {
    for line in at / LINE..=(at + bytes - 1) / LINE {
        match kind {
            AccessKind::Load => hierarchy.access(line as u64, false),
            AccessKind::Store => hierarchy.access(line as u64, true),
            AccessKind::Prefetch => hierarchy.prefetch(line as u64),
        }
    }
}
