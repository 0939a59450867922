//! Counts what each stage of a plan does: its operations from the kernels, its traffic by replaying every access of every call
//! on the machine's caches.

use sartor_codegen::kernel::{Address, Cost, Kernel, Stmt, Value};
use sartor_codegen::plan::Plan;
use sartor_codegen::stage::{Call, Region, StageError};

use super::cache::{Hierarchy, LINE, Traffic};
use crate::bench::Caches;

/// What one run of a stage does.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Counts {
    /// Vector multiply-adds.
    pub fmas: u64,
    /// All other vector arithmetic.
    pub others: u64,
    /// Vector loads.
    pub loads: u64,
    /// Loads of one f32 into all lanes.
    pub broadcasts: u64,
    /// Vector stores.
    pub stores: u64,
    /// Multiply-adds that had to wait for the one before: the loop-carried chains of all innermost loops.
    pub fma_chain: u64,
    /// The same of other arithmetic.
    pub other_chain: u64,
    /// Bytes of packed weights that it reads, each once.
    pub weight_bytes: u64,
    /// Bytes of maps that it reads from earlier stages, each once.
    pub read_bytes: u64,
    /// Bytes of maps that it writes for later stages, each once.
    pub written_bytes: u64,
    /// Bytes of its rings, each once.
    pub ring_bytes: u64,
    /// Bytes between the caches, in a run that follows another.
    pub traffic: Traffic,
}

/// Counts of every stage of a plan, the last one, which copies the results out, included.
///
/// # Errors
/// If a stage is ill-formed, which planning excludes.
pub fn count(plan: &Plan, caches: &Caches) -> Result<Vec<Counts>, StageError> {
    let kernels: Vec<Replay> = plan.kernels.iter().map(Replay::new).collect();
    let calls = plan.stages.iter().map(|stage| stage.code.calls(0, stage.code.units)).collect::<Result<Vec<_>, _>>()?;
    let bases = Bases::new(plan);
    let mut hierarchy = Hierarchy::new(caches);
    let mut replay = |stage: &[Call], counts: &mut Counts| {
        let before = hierarchy.traffic;
        for call in stage {
            kernels[call.kernel].run(&call.args, &bases, &mut hierarchy);
        }
        counts.traffic = since(hierarchy.traffic, before);
    };
    let mut all: Vec<Counts> = calls.iter().map(|calls| of_calls(plan, &kernels, calls)).collect();
    // The first run warms the caches up, the second counts.
    for _ in 0..2 {
        for (calls, counts) in calls.iter().zip(&mut all) {
            replay(calls, counts);
        }
    }
    let before = hierarchy.traffic;
    let mut last = Counts::default();
    for unpack in &plan.unpack {
        let len = unpack.pixels * unpack.channels * plan.options.batch;
        let read = unpack.pixels * unpack.pitch * plan.options.batch;
        last.read_bytes += 4 * len as u64;
        last.written_bytes += 4 * len as u64;
        bases.lines(Region::Arena, unpack.src, read).for_each(|line| hierarchy.access(line, false));
        bases.output_lines(unpack.dst, len).for_each(|line| hierarchy.access(line, true));
    }
    last.traffic = since(hierarchy.traffic, before);
    all.push(last);
    Ok(all)
}

fn since(now: Traffic, before: Traffic) -> Traffic {
    Traffic { l2: now.l2 - before.l2, l3: now.l3 - before.l3, dram: now.dram - before.dram }
}

fn of_calls(plan: &Plan, kernels: &[Replay], calls: &[Call]) -> Counts {
    let mut counts = Counts::default();
    // Lines of each region that are read or written; a line counts once.
    let mut seen = [plan.lengths.input, plan.lengths.arena, plan.lengths.scratch, plan.lengths.weights]
        .map(|len| vec![(false, false); (4 * len).div_ceil(LINE)]);
    for call in calls {
        let kernel = &kernels[call.kernel];
        counts.fmas += kernel.cost.fmas;
        counts.others += kernel.cost.others;
        counts.loads += kernel.cost.loads - kernel.broadcasts;
        counts.broadcasts += kernel.broadcasts;
        counts.stores += kernel.cost.stores;
        counts.fma_chain += kernel.chain.0;
        counts.other_chain += kernel.chain.1;
        for ((region, offset), span) in call.args.iter().zip(&kernel.spans) {
            let seen = &mut seen[index(*region)];
            for (span, write) in [(span.0, false), (span.1, true)] {
                let Some((first, last)) = span else { continue };
                for line in &mut seen[4 * (offset + first) / LINE..=4 * (offset + last) / LINE] {
                    *line = (line.0 || (!write && !line.1), line.1 || write);
                }
            }
        }
    }
    let bytes = |region: Region, of: fn(&(bool, bool)) -> bool| {
        (seen[index(region)].iter().filter(|line| of(line)).count() * LINE) as u64
    };
    counts.weight_bytes = bytes(Region::Weights, |line| line.0);
    counts.read_bytes = bytes(Region::Arena, |line| line.0) + bytes(Region::Input, |line| line.0);
    counts.written_bytes = bytes(Region::Arena, |line| line.1);
    counts.ring_bytes = bytes(Region::Scratch, |line| line.0 || line.1);
    counts
}

const fn index(region: Region) -> usize {
    match region {
        Region::Input => 0,
        Region::Arena => 1,
        Region::Scratch => 2,
        Region::Weights => 3,
    }
}

/// Where the regions lie: one after another, on pages of their own.
struct Bases {
    regions: [usize; 4],
    output: usize,
}

impl Bases {
    fn new(plan: &Plan) -> Self {
        const PAGE: usize = 4096;
        let lengths = &plan.lengths;
        let mut next = 0;
        let regions = [lengths.input, lengths.arena, lengths.scratch, lengths.weights].map(|len| {
            let base = next;
            next += (4 * len).next_multiple_of(PAGE) + PAGE;
            base
        });
        Self { regions, output: next }
    }

    /// Byte address of a region's element.
    fn address(&self, region: Region, offset: usize) -> usize {
        self.regions[index(region)] + 4 * offset
    }

    fn lines(&self, region: Region, offset: usize, len: usize) -> std::ops::Range<u64> {
        let begin = self.address(region, offset);
        (begin / LINE) as u64..(begin + 4 * len).div_ceil(LINE) as u64
    }

    fn output_lines(&self, offset: usize, len: usize) -> std::ops::Range<u64> {
        let begin = self.output + 4 * offset;
        (begin / LINE) as u64..(begin + 4 * len).div_ceil(LINE) as u64
    }
}

/// First and last f32 of a buffer that loads reach, and that stores reach.
type Span = (Option<(usize, usize)>, Option<(usize, usize)>);

/// A kernel reduced to its accesses and counts.
struct Replay {
    body: Vec<Node>,
    vars: usize,
    cost: Cost,
    broadcasts: u64,
    /// Loop-carried multiply-adds and other arithmetic.
    chain: (u64, u64),
    spans: Vec<Span>,
}

enum Node {
    For { var: usize, count: usize, body: Vec<Node> },
    Access { kind: Kind, at: Address, bytes: usize },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Load,
    Store,
    Prefetch,
}

impl Replay {
    fn new(kernel: &Kernel) -> Self {
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
            let (kind, at, bytes) = match stmt {
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
                Stmt::Let(_, Value::Load(at)) | Stmt::Set(_, Value::Load(at)) => (Kind::Load, at, vector),
                Stmt::Let(_, Value::Broadcast(at)) | Stmt::Set(_, Value::Broadcast(at)) => {
                    self.broadcasts += times;
                    (Kind::Load, at, 4)
                }
                Stmt::Store(at, _) => (Kind::Store, at, vector),
                Stmt::Prefetch(at) => (Kind::Prefetch, at, 4),
                Stmt::Comment(_) | Stmt::Let(..) | Stmt::Set(..) => continue,
            };
            let reach: usize = at.terms.iter().map(|(var, stride)| (counts[var.0] - 1) * stride).sum();
            let span = &mut self.spans[at.buffer.0];
            let span = match kind {
                Kind::Load => Some(&mut span.0),
                Kind::Store => Some(&mut span.1),
                Kind::Prefetch => None,
            };
            if let Some(span) = span {
                let (first, last) = span.unwrap_or((at.offset, 0));
                *span = Some((first.min(at.offset), last.max(at.offset + reach + bytes / 4 - 1)));
            }
            nodes.push(Node::Access { kind, at: at.clone(), bytes });
        }
        nodes
    }

    fn run(&self, args: &[(Region, usize)], bases: &Bases, hierarchy: &mut Hierarchy) {
        let bases: Vec<usize> = args.iter().map(|&(region, offset)| bases.address(region, offset)).collect();
        walk(&self.body, &bases, &mut vec![0; self.vars], hierarchy);
    }
}

/// The longest chain that one iteration of a loop adds to a register from the iteration before: multiply-adds, other arithmetic.
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

/// A loop over accesses alone. An access that stays in its line moves nothing.
fn innermost(body: &[Node], var: usize, count: usize, bases: &[usize], vars: &mut [usize], hierarchy: &mut Hierarchy) {
    vars[var] = 0;
    let mut streams: Vec<(Kind, usize, usize, usize, usize)> = Vec::with_capacity(body.len());
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

fn access(kind: Kind, at: usize, bytes: usize, hierarchy: &mut Hierarchy) {
    for line in at / LINE..=(at + bytes - 1) / LINE {
        match kind {
            Kind::Load => hierarchy.access(line as u64, false),
            Kind::Store => hierarchy.access(line as u64, true),
            Kind::Prefetch => hierarchy.prefetch(line as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, Weights};
    use sartor_models::zoo::Spec;

    fn counts(network: &str, level: Level) -> (crate::Plan, Vec<Counts>) {
        let network = network.parse::<Spec>().unwrap().build().unwrap();
        let plan = crate::plan(&network, &Weights::random(&network, 0), level, 1).unwrap();
        let counts = count(&plan.program, &Caches::of_this_machine()).unwrap();
        (plan, counts)
    }

    #[test]
    fn every_level_does_the_networks_multiply_adds_and_reads_its_weights() {
        for level in Level::ALL {
            let (plan, counts) = counts("rexnet_digits", level);
            assert_eq!(counts.len(), plan.stages.len());
            let lanes = sartor_codegen::isa::of(level).lanes as u64;
            for (stage, counts) in plan.stages.iter().zip(&counts) {
                let macs: u64 = stage.layers.iter().map(|layer| layer.macs).sum();
                // Padded lanes add work, and taps in the padding of a map are not computed.
                assert!(counts.fmas * lanes * 10 >= macs * 7, "{level} {}: {counts:?} for {macs} MACs", stage.name);
            }
            let weights: u64 = counts.iter().map(|counts| counts.weight_bytes).sum();
            let packed = 4 * plan.program.lengths.weights as u64;
            assert!(weights <= packed + 64 * counts.len() as u64 && weights * 10 > packed * 9, "{level}: {weights} of {packed}");
        }
    }

    #[test]
    fn chains_are_found_where_a_loop_waits_for_itself() {
        let (plan, counts) = counts("rexnet_digits", Level::Avx2);
        for (stage, counts) in plan.stages.iter().zip(&counts) {
            assert!(counts.fma_chain <= counts.fmas, "{}", stage.name);
        }
        // The classifier has one pixel: its chain is as long as its sums.
        let classifier = plan.stages.iter().position(|stage| stage.layers.iter().any(|layer| layer.problem.contains("oc10_")));
        assert!(counts[classifier.unwrap()].fma_chain >= 16);
    }
}
