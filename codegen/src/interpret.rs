//! Executes kernels and stages without a compiler. Any level's plan runs on any machine, and gives the same bits as that level.

use pulp::{Arch, NullaryFnOnce};
use sartor_kernels::runtime::layout;
use typed_index_collections::TiSlice;

use crate::ir::isa;
use crate::ir::kernel::{Address, Kernel, KernelId, Stmt, Value};
use crate::ir::stage::{Call, Region};
use crate::network::output::Softmax;
use crate::plan::{Copied, Plan};

/// The regions of a program.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The user's images.
    pub input: Vec<f32>,
    /// The arena.
    pub arena: Vec<f32>,
    /// One thread's scratch memory.
    pub scratch: Vec<f32>,
    /// Packed weights.
    pub weights: Vec<f32>,
}

impl Memory {
    /// One region.
    pub fn region(&self, region: Region) -> &[f32] {
        match region {
            Region::Input => &self.input,
            Region::Arena => &self.arena,
            Region::Scratch => &self.scratch,
            Region::Weights => &self.weights,
        }
    }

    fn region_mut(&mut self, region: Region) -> &mut [f32] {
        match region {
            Region::Input => &mut self.input,
            Region::Arena => &mut self.arena,
            Region::Scratch => &mut self.scratch,
            Region::Weights => &mut self.weights,
        }
    }
}

/// Executes one call of a stage.
///
/// # Panics
/// If an access leaves its buffer or its region, which [`crate::prove`] excludes.
pub fn call(call: &Call, kernels: &TiSlice<KernelId, Kernel>, memory: &mut Memory) {
    kernel(&kernels[call.kernel], &call.args, memory);
}

/// Executes a kernel. Each buffer begins at the place that `args` gives it.
///
/// # Panics
/// If an access leaves its buffer or its region.
pub fn kernel(kernel: &Kernel, args: &[(Region, usize)], memory: &mut Memory) {
    let machine = isa::of(kernel.level);
    let regs = vec![[0.0; MAX_LANES]; kernel.regs.len()];
    let vars = vec![0; kernel.vars.len()];
    let mut run = Execution { kernel, args, memory, regs, vars, lanes: machine.lanes, fuses: machine.fuses };
    run.body(&kernel.body, Arch::new());
}

/// Lanes of the widest registers. All registers have this many here. Lanes that a level lacks are computed too, which does no
/// harm, and loops of constant length become vector instructions.
const MAX_LANES: usize = 16;

struct Execution<'a> {
    kernel: &'a Kernel,
    args: &'a [(Region, usize)],
    memory: &'a mut Memory,
    regs: Vec<[f32; MAX_LANES]>,
    vars: Vec<usize>,
    lanes: usize,
    fuses: bool,
}

impl Execution<'_> {
    fn body(&mut self, body: &[Stmt], arch: Arch) {
        let is_loop = |stmt: &Stmt| matches!(stmt, Stmt::For { .. });
        for part in body.chunk_by(|a, b| !is_loop(a) && !is_loop(b)) {
            match part {
                [Stmt::For { var, count, body }] => {
                    for i in 0..*count {
                        self.vars[var.0] = i;
                        self.body(body, arch);
                    }
                }
                straight => arch.dispatch(Straight { run: self, body: straight }),
            }
        }
    }
}

/// Executes statements that hold no loops. [`pulp`] compiles this code for the vectors of the CPU. Without that, every fused
/// multiply-add of every lane would be a function call.
struct Straight<'a, 'b> {
    run: &'a mut Execution<'b>,
    body: &'a [Stmt],
}

impl NullaryFnOnce for Straight<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let run = self.run;
        for stmt in self.body {
            match stmt {
                Stmt::Comment(_) | Stmt::Prefetch(_) | Stmt::Reload => {}
                Stmt::For { .. } => unreachable!("straight statements hold no loop"),
                Stmt::Let(reg, value) | Stmt::Set(reg, value) => run.regs[reg.0] = run.value(value),
                Stmt::Store(to, reg) => {
                    let (region, at) = run.place(to, run.lanes);
                    run.memory.region_mut(region)[at..at + run.lanes].copy_from_slice(&run.regs[reg.0][..run.lanes]);
                }
                Stmt::Move(to, from) => {
                    let (region, at) = run.place(from, 1);
                    let value = run.memory.region(region)[at];
                    let (region, at) = run.place(to, 1);
                    run.memory.region_mut(region)[at] = value;
                }
                Stmt::Clear(to) => {
                    let (region, at) = run.place(to, 1);
                    run.memory.region_mut(region)[at] = 0.0;
                }
            }
        }
    }
}

impl Execution<'_> {
    #[inline(always)]
    fn place(&self, address: &Address, width: usize) -> (Region, usize) {
        let buffer = &self.kernel.buffers[address.buffer.0];
        let at = address.offset + address.terms.iter().map(|(var, stride)| self.vars[var.0] * stride).sum::<usize>();
        assert!(at + width <= buffer.len, "{}: {}[{at}..{}] of {}", self.kernel.name, buffer.name, at + width, buffer.len);
        let (region, base) = self.args[address.buffer.0];
        (region, base + at)
    }

    #[inline(always)]
    fn value(&self, value: &Value) -> [f32; MAX_LANES] {
        let lanes = self.lanes;
        let mut result = [0.0; MAX_LANES];
        match value {
            Value::Load(from) => {
                let (region, at) = self.place(from, lanes);
                result[..lanes].copy_from_slice(&self.memory.region(region)[at..at + lanes]);
            }
            Value::Broadcast(from) => {
                let (region, at) = self.place(from, 1);
                result = [self.memory.region(region)[at]; MAX_LANES];
            }
            Value::Splat(x) => result = [*x; MAX_LANES],
            Value::Copy(a) => result = self.regs[a.0],
            Value::Binary(op, a, b) => {
                let (a, b) = (&self.regs[a.0], &self.regs[b.0]);
                (0..MAX_LANES).for_each(|i| result[i] = op.apply(a[i], b[i]));
            }
            Value::Fma(a, b, c) => {
                let (a, b, c) = (&self.regs[a.0], &self.regs[b.0], &self.regs[c.0]);
                if self.fuses {
                    (0..MAX_LANES).for_each(|i| result[i] = a[i].mul_add(b[i], c[i]));
                } else {
                    (0..MAX_LANES).for_each(|i| result[i] = a[i] * b[i] + c[i]);
                }
            }
            Value::Sqrt(a) => result = self.regs[a.0].map(f32::sqrt),
            Value::Exponent(a) => result = self.regs[a.0].map(sartor_ops::exponent),
            Value::Mantissa(a) => result = self.regs[a.0].map(sartor_ops::mantissa),
            Value::Power(base, a) => {
                let a = &self.regs[a.0];
                (0..MAX_LANES).for_each(|i| result[i] = base.power(a[i]));
            }
            Value::FirstLanes(a, used) => result[..*used].copy_from_slice(&self.regs[a.0][..*used]),
        }
        result
    }
}

/// Executes a whole plan with the work split as for `threads` threads; their parts of each stage run one after another. Returns
/// the memory and the output of the whole batch.
///
/// # Panics
/// If an access leaves its buffer or its region, or a stage is ill-formed; [`crate::prove`] excludes both.
pub fn plan(plan: &Plan, weights: &[f32], input: &[f32], threads: usize) -> (Memory, Vec<f32>) {
    let mut memory = memory(plan, weights, input);
    for index in 0..plan.stages.len() {
        stage(plan, index, threads, &mut memory);
    }
    let output = output(plan, &memory);
    (memory, output)
}

/// A plan's memory before its first stage. It is filled with NaN, so that a value that is read before it is written shows.
pub fn memory(plan: &Plan, weights: &[f32], input: &[f32]) -> Memory {
    Memory { input: input.to_vec(), arena: vec![f32::NAN; plan.lengths.arena], scratch: Vec::new(), weights: weights.to_vec() }
}

/// Executes one stage. Each thread has scratch memory of its own.
///
/// # Panics
/// As [`plan`].
pub fn stage(plan: &Plan, index: usize, threads: usize, memory: &mut Memory) {
    let code = &plan.stages[index].code;
    for thread in 0..threads {
        memory.scratch = vec![f32::NAN; plan.lengths.scratch];
        let calls = code.calls(code.units * thread / threads, code.units * (thread + 1) / threads);
        for made in calls.unwrap_or_else(|error| panic!("{}: {error}", code.name)) {
            call(&made, &plan.kernels, memory);
        }
    }
}

/// The output that the user gets once all stages have run.
///
/// # Panics
/// If the memory is not the plan's.
pub fn output(plan: &Plan, memory: &Memory) -> Vec<f32> {
    let batch = plan.batch;
    let mut output = vec![0.0; plan.output_len];
    for unpack in &plan.unpack {
        let dst = &mut output[unpack.dst..][..batch * unpack.len];
        for Copied { src, image, first, loops } in &unpack.pieces {
            let src = &memory.arena[*src..][..batch * image];
            match unpack.planar() {
                Some((pitch, pixels, channels)) => layout::unpack(src, pitch, batch, pixels, channels, dst),
                None => {
                    let inner = loops.iter().map(|each| [each.count, each.src, each.dst]);
                    let loops: Vec<_> = std::iter::once([batch, *image, unpack.len]).chain(inner).collect();
                    layout::scatter(src, &loops, &mut dst[*first..]);
                }
            }
        }
        for Softmax { log, first, row, rows } in &unpack.softmaxes {
            let inner = rows.iter().map(|each| [each.count, each.step]);
            let rows: Vec<_> = std::iter::once([batch, unpack.len]).chain(inner).collect();
            layout::softmax(&mut dst[*first..], [row.count, row.step], &rows, *log);
        }
    }
    output
}
