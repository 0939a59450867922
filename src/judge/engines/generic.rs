//! Runs a network with the generic kernels. Weights are packed once, and batches may have any size.

use sartor_kernels::generic::{self, PackedConv, PackedDepthwise, PackedNorm};
use sartor_kernels::reference::BatchNorm;
use sartor_kernels::runtime::{Aligned, Level, OutOfMemory};
use sartor_kernels::shape::{Activation, Maps, Padding, Rearrange, Reduction, Window};
use sartor_models::{Arithmetic, Network, NodeId, Op, Weights};

use super::{EngineError, check_input, check_tensors, conv, maps, param};

/// Runs a network on one thread, with kernels that get their shapes at run time. Batch norms are folded into the layer before them, and
/// activations are fused into it.
#[derive(Debug)]
pub struct GenericEngine {
    network: Network,
    level: Level,
    steps: Vec<Step>,
    /// The memory slot of the input and of each value that is computed.
    slots: Vec<Option<usize>>,
    /// Length of each slot for one image.
    slot_lens: Vec<usize>,
    memory: Vec<Option<Aligned>>,
}

/// One kernel call.
#[derive(Debug)]
struct Step {
    kernel: Kernel,
    inputs: Vec<NodeId>,
    /// The last of the nodes it computes.
    node: NodeId,
}

#[derive(Debug)]
enum Kernel {
    Conv(PackedConv, Option<Activation>),
    Depthwise(PackedDepthwise, Option<Activation>),
    Norm(PackedNorm, Option<Activation>),
    Activation(Activation),
    /// The values of one image, NCHW.
    Constant(Vec<f32>),
    MaxPool(Window),
    AvgPool(Window, (Padding, Padding)),
    Reduce(Reduction),
    Rearrange(Rearrange),
    Add,
    Binary(Arithmetic),
    Concat,
    ChannelShuffle(usize),
    Slice(usize, usize),
    Softmax(bool),
    Transpose([usize; 3]),
    Reshape,
}

impl GenericEngine {
    /// Folds and packs the weights for a level.
    ///
    /// # Errors
    /// If the CPU lacks the level; or if tensors are missing, have a wrong shape, or are not finite before or after folding. The
    /// error names all.
    pub fn new(network: &Network, weights: &Weights, level: Level) -> Result<Self, EngineError> {
        if !level.is_available() {
            return Err(EngineError::Level(level));
        }
        check_tensors(network, weights)?;
        let steps = Fuser { network, weights, level, readers: readers(network) }.steps();
        let (slots, slot_lens) = place(network, &steps);
        let memory = slot_lens.iter().map(|_| None).collect();
        Ok(Self { network: network.clone(), level, steps, slots, slot_lens, memory })
    }

    /// The level it runs on.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The network's outputs for `batch` NCHW images, each NCHW.
    ///
    /// # Errors
    /// If the batch is zero, the input's length does not fit the batch, or the batch does not fit in memory.
    pub fn run(&mut self, input: &[f32], batch: usize) -> Result<Vec<Vec<f32>>, EngineError> {
        self.execute(input, batch, |_, _| Ok(()))?;
        self.network.outputs().iter().map(|&output| self.unpack(output, batch)).collect()
    }

    /// Calls `visit` with the input and with each value that is computed, NCHW. Nodes that were fused into others have no value.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_each(&mut self, input: &[f32], batch: usize, mut visit: impl FnMut(NodeId, Vec<f32>)) -> Result<(), EngineError> {
        self.execute(input, batch, |engine, id| {
            visit(id, engine.unpack(id, batch)?);
            Ok(())
        })
    }

    fn execute(
        &mut self,
        input: &[f32],
        batch: usize,
        mut done: impl FnMut(&Self, NodeId) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        check_input(&self.network, input, batch)?;
        for (memory, len) in self.memory.iter_mut().zip(&self.slot_lens) {
            if memory.as_ref().is_none_or(|memory| memory.len() < len * batch) {
                *memory = Some(Aligned::try_zeroed(len * batch)?);
            }
        }
        let first = maps(&self.network, NodeId(0), batch);
        self.write(NodeId(0), first, |_, dst| generic::pack(input, first, dst));
        done(self, NodeId(0))?;
        for step in 0..self.steps.len() {
            let node = self.steps[step].node;
            self.write(node, maps(&self.network, node, batch), |engine, dst| engine.compute(&engine.steps[step], batch, dst));
            done(self, node)?;
        }
        Ok(())
    }

    /// Calls `write` with a value's memory, and with the rest of the engine to read from.
    fn write(&mut self, id: NodeId, maps: Maps, write: impl FnOnce(&Self, &mut [f32])) {
        let slot = self.slots[id.0].expect("each value that is computed has a slot");
        let mut memory = self.memory[slot].take().expect("slots are filled before they are used");
        write(self, &mut memory[..generic::map_len(maps)]);
        self.memory[slot] = Some(memory);
    }

    fn value(&self, id: NodeId, batch: usize) -> &[f32] {
        let memory = self.slots[id.0].and_then(|slot| self.memory[slot].as_ref()).expect("a value is computed before it is read");
        &memory[..generic::map_len(maps(&self.network, id, batch))]
    }

    fn unpack(&self, id: NodeId, batch: usize) -> Result<Vec<f32>, EngineError> {
        let maps = maps(&self.network, id, batch);
        let mut dst = Vec::new();
        dst.try_reserve_exact(maps.len()).map_err(|_| OutOfMemory { bytes: size_of::<f32>() * maps.len() })?;
        dst.resize(maps.len(), 0.0);
        generic::unpack(self.value(id, batch), maps, &mut dst);
        Ok(dst)
    }

    fn compute(&self, step: &Step, batch: usize, dst: &mut [f32]) {
        if let Kernel::Constant(values) = &step.kernel {
            return generic::pack(&values.repeat(batch), maps(&self.network, step.node, batch), dst);
        }
        let first = step.inputs[0];
        let (level, maps_of) = (self.level, |id| maps(&self.network, id, batch));
        let (src, maps) = (self.value(first, batch), maps_of(first));
        match &step.kernel {
            Kernel::Conv(conv, activation) => conv.run(src, maps, *activation, dst),
            Kernel::Depthwise(depthwise, activation) => depthwise.run(src, maps, *activation, dst),
            Kernel::Norm(norm, activation) => norm.run(src, maps, *activation, dst),
            Kernel::Constant(_) => unreachable!("copied above"),
            Kernel::Activation(activation) => generic::activation(level, src, maps, *activation, dst),
            Kernel::MaxPool(window) => generic::max_pool(level, src, maps, window, dst),
            Kernel::AvgPool(window, counted) => generic::avg_pool(level, src, maps, window, *counted, dst),
            Kernel::Reduce(reduction) => generic::reduce(level, src, maps, *reduction, dst),
            Kernel::Rearrange(how) => generic::rearrange(src, maps, *how, dst),
            Kernel::Add => {
                let b = step.inputs[1];
                generic::add(level, src, maps, self.value(b, batch), maps_of(b).c, dst);
            }
            Kernel::Binary(op) => {
                let b = step.inputs[1];
                binary(level, *op, (src, maps), (self.value(b, batch), maps_of(b)), dst);
            }
            Kernel::Concat => {
                let sources: Vec<(&[f32], usize)> =
                    step.inputs.iter().map(|&input| (self.value(input, batch), maps_of(input).c)).collect();
                generic::concat(&sources, maps_of(step.node), dst);
            }
            Kernel::ChannelShuffle(groups) => generic::channel_shuffle(src, maps, *groups, dst),
            Kernel::Slice(begin, len) => generic::slice(src, maps, *begin, *len, dst),
            Kernel::Transpose(order) => generic::transpose(src, maps, *order, dst),
            Kernel::Reshape => generic::reshape(src, maps, maps_of(step.node), dst),
            Kernel::Softmax(log) => generic::softmax(src, maps, *log, dst),
        }
    }
}

fn binary(level: Level, op: Arithmetic, (a, maps): (&[f32], Maps), (b, b_maps): (&[f32], Maps), dst: &mut [f32]) {
    match op {
        Arithmetic::Add => generic::binary(level, a, maps, b, b_maps, |a, b| a + b, dst),
        Arithmetic::Sub => generic::binary(level, a, maps, b, b_maps, |a, b| a - b, dst),
        Arithmetic::SubFrom => generic::binary(level, a, maps, b, b_maps, |a, b| b - a, dst),
        Arithmetic::Mul => generic::binary(level, a, maps, b, b_maps, |a, b| a * b, dst),
        Arithmetic::Div => generic::binary(level, a, maps, b, b_maps, |a, b| a / b, dst),
        Arithmetic::DivInto => generic::binary(level, a, maps, b, b_maps, |a, b| b / a, dst),
        Arithmetic::Max => generic::binary(level, a, maps, b, b_maps, |a, b| if a > b || a.is_nan() { a } else { b }, dst),
        Arithmetic::Min => generic::binary(level, a, maps, b, b_maps, |a, b| if a < b || a.is_nan() { a } else { b }, dst),
        Arithmetic::Greater => generic::binary(level, a, maps, b, b_maps, |a, b| f32::from(u8::from(a > b)), dst),
        Arithmetic::Less => generic::binary(level, a, maps, b, b_maps, |a, b| f32::from(u8::from(a < b)), dst),
        Arithmetic::AtLeast => generic::binary(level, a, maps, b, b_maps, |a, b| f32::from(u8::from(a >= b)), dst),
        Arithmetic::AtMost => generic::binary(level, a, maps, b, b_maps, |a, b| f32::from(u8::from(a <= b)), dst),
        Arithmetic::Keep => generic::binary(level, a, maps, b, b_maps, |a, b| if b > 0.0 { a } else { 0.0 }, dst),
    }
}

/// The nodes that read each node.
fn readers(network: &Network) -> Vec<Vec<NodeId>> {
    let mut readers = vec![Vec::new(); network.nodes().len()];
    for (id, node) in network.nodes().iter().enumerate() {
        node.inputs.iter().for_each(|input| readers[input.0].push(NodeId(id)));
    }
    readers
}

/// Assigns a slot to each value, and to each slot the length of its largest value. Values that are needed at the same time get different
/// slots.
fn place(network: &Network, steps: &[Step]) -> (Vec<Option<usize>>, Vec<usize>) {
    // Reads are counted by steps, not nodes: a step reads its inputs when the last of its nodes is due, after other steps perhaps.
    let mut last_reads: Vec<usize> = (0..network.nodes().len()).collect();
    for step in steps {
        step.inputs.iter().for_each(|input| last_reads[input.0] = step.node.0);
    }
    network.outputs().iter().for_each(|output| last_reads[output.0] = usize::MAX);
    let mut slots = vec![None; network.nodes().len()];
    let mut lens: Vec<usize> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut live: Vec<NodeId> = Vec::new();
    for id in std::iter::once(NodeId(0)).chain(steps.iter().map(|step| step.node)) {
        let slot = free.pop().unwrap_or_else(|| {
            lens.push(0);
            lens.len() - 1
        });
        lens[slot] = lens[slot].max(generic::map_len(maps(network, id, 1)));
        slots[id.0] = Some(slot);
        live.push(id);
        // A step reads its inputs while it writes its output. So the slot of an input is free for the next step at the earliest.
        live.retain(|value| {
            let needed = last_reads[value.0] > id.0;
            if !needed {
                free.extend(slots[value.0]);
            }
            needed
        });
    }
    (slots, lens)
}

/// Turns nodes into steps.
struct Fuser<'a> {
    network: &'a Network,
    weights: &'a Weights,
    level: Level,
    readers: Vec<Vec<NodeId>>,
}

impl Fuser<'_> {
    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut fused = vec![false; self.network.nodes().len()];
        fused[0] = true;
        for id in (0..self.network.nodes().len()).map(NodeId) {
            if fused[id.0] {
                continue;
            }
            let (kernel, nodes) = self.kernel(id);
            nodes.iter().for_each(|node| fused[node.0] = true);
            let last = nodes.last().copied().unwrap_or(id);
            steps.push(Step { kernel, inputs: self.network.node(id).inputs.clone(), node: last });
        }
        // A step takes the place of its last node: other nodes may come before that, and a value must be written before it is read.
        steps.sort_by_key(|step| step.node);
        steps
    }

    /// The kernel of a node, and the nodes that are fused into it.
    fn kernel(&self, id: NodeId) -> (Kernel, Vec<NodeId>) {
        let node = self.network.node(id);
        let kernel = match node.op {
            Op::Conv2d(_) | Op::Linear { .. } | Op::BatchNorm { .. } => return self.linear_kernel(id),
            Op::Activation(function) => Kernel::Activation(function),
            Op::Constant(_) => Kernel::Constant(param(self.network, self.weights, id, "value").to_vec()),
            Op::MaxPool(window) => Kernel::MaxPool(window),
            Op::AvgPool { window, counted } => Kernel::AvgPool(window, counted),
            Op::Reduce(reduction) => Kernel::Reduce(reduction),
            Op::Rearrange(how) => Kernel::Rearrange(how),
            Op::Add => Kernel::Add,
            Op::Binary(op) => Kernel::Binary(op),
            Op::Concat => Kernel::Concat,
            Op::ChannelShuffle { groups } => Kernel::ChannelShuffle(groups),
            Op::Slice { begin, len } => Kernel::Slice(begin, len),
            Op::Transpose(order) => Kernel::Transpose(order),
            Op::Reshape(_) => Kernel::Reshape,
            Op::Softmax { log } => Kernel::Softmax(log),
            Op::Input => unreachable!("the input is not a step"),
        };
        (kernel, Vec::new())
    }

    /// The kernel of a convolution, linear layer or batch norm, with the batch norm and the activation after it.
    fn linear_kernel(&self, id: NodeId) -> (Kernel, Vec<NodeId>) {
        let node = self.network.node(id);
        let c = node.shape.c;
        let (mut scale, mut shift) = (vec![1.0; c], vec![0.0; c]);
        let mut fused = vec![id];
        let mut normalise = |id: NodeId, eps: f64| {
            let param = |suffix| param(self.network, self.weights, id, suffix);
            let (mean, var) = (param("running_mean"), param("running_var"));
            let norm = BatchNorm { weight: param("weight"), bias: param("bias"), mean, var, eps };
            for c in 0..scale.len() {
                let (a, b) = norm.affine(c);
                (scale[c], shift[c]) = (a * scale[c], a * shift[c] + b);
            }
        };
        let mut last = id;
        if let Op::BatchNorm { eps } = node.op {
            normalise(id, eps);
        } else if let Some(next) = self.only_reader(id)
            && let Op::BatchNorm { eps } = self.network.node(next).op
        {
            normalise(next, eps);
            fused.push(next);
            last = next;
        }
        let activation = match self.only_reader(last).map(|next| (next, self.network.node(next).op)) {
            Some((next, Op::Activation(function))) => {
                fused.push(next);
                Some(function)
            }
            _ => None,
        };
        let bias = param(self.network, self.weights, id, "bias");
        let bias = |o: usize| (scale[o] * bias.get(o).copied().map_or(0.0, f64::from) + shift[o]) as f32;
        let weight = param(self.network, self.weights, id, "weight");
        let terms = weight.len() / c;
        let weight =
            || -> Vec<f32> { weight.iter().enumerate().map(|(i, &w)| (scale[i / terms] * f64::from(w)) as f32).collect() };
        let ic = self.network.node(node.inputs[0]).shape.c;
        let kernel = match node.op {
            Op::Conv2d(attributes) => {
                let (conv, bias) = (conv(attributes), (0..c).map(bias).collect::<Vec<f32>>());
                if conv.groups == ic && conv.groups == conv.oc {
                    Kernel::Depthwise(PackedDepthwise::new(self.level, conv.window, c, &weight(), &bias), activation)
                } else {
                    Kernel::Conv(PackedConv::new(self.level, conv, ic / conv.groups, &weight(), &bias), activation)
                }
            }
            Op::Linear { out, .. } => {
                let bias: Vec<f32> = (0..c).map(bias).collect();
                Kernel::Conv(PackedConv::linear(self.level, ic, out, &weight(), &bias), activation)
            }
            _ => {
                let round = |values: &[f64]| values.iter().map(|&x| x as f32).collect::<Vec<f32>>();
                Kernel::Norm(PackedNorm::new(self.level, &round(&scale), &round(&shift)), activation)
            }
        };
        (kernel, fused)
    }

    /// The only reader of a node; `None` if there are several or the node is an output.
    fn only_reader(&self, id: NodeId) -> Option<NodeId> {
        match self.readers[id.0][..] {
            [reader] if !self.network.outputs().contains(&id) => Some(reader),
            _ => None,
        }
    }
}
