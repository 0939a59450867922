//! Which nodes become one layer.

use sartor_models::{Activation, Arithmetic, Conv2d, Network, Node, NodeId, Op, Rearrange, Reduction, Weights, Window};
use sartor_ops::Axis;

use super::branches::Branches;
use super::error::NormalizeError;
use super::fold::{self, Affine};
use super::tails::{Tail, tails};
use super::view::View;
use crate::network::layers::PoolKind;
use crate::ops::digits;

/// Nodes that are fused into one layer, in the network's terms: channels and node ids, no maps or lanes yet.
pub(super) struct Step {
    /// The node that does the work and has the weights.
    pub node: NodeId,
    /// What it reads. A convolution's second input is its shortcut.
    pub inputs: Vec<NodeId>,
    /// What it computes.
    pub op: Fused,
}

/// The operator of a [`Step`].
pub(super) enum Fused {
    Input,
    Conv {
        branches: Branches,
        act: Option<Activation>,
        post_act: Option<Activation>,
    },
    Depthwise {
        branches: Branches,
        act: Option<Activation>,
    },
    Pool {
        kind: PoolKind,
        window: Window,
        act: Option<Activation>,
    },
    Reduce(Reduction),
    Rearrange(Rearrange),
    /// Values moved, and the nodes that do it, from the last to the first.
    Move {
        view: View,
        nodes: Vec<NodeId>,
    },
    /// A map of constants, which are its node's parameter.
    Constant,
    Softmax {
        log: bool,
    },
    Binary {
        op: Arithmetic,
        act: Option<Activation>,
    },
    Add {
        act: Option<Activation>,
    },
    Activation(Activation),
    Shuffle {
        groups: usize,
    },
    /// The channels from `begin` on, as many as its node has.
    Slice {
        begin: usize,
    },
    /// Its activation is applied by the layers that write the operands. All of them have a place for one.
    Concat {
        act: Option<Activation>,
    },
}

impl Step {
    /// The place for an activation that follows, occupied or free. `None` if the operator has no such place.
    pub(super) fn act(&mut self) -> Option<&mut Option<Activation>> {
        match &mut self.op {
            Fused::Conv { post_act, .. } if self.inputs.len() == 2 => Some(post_act),
            Fused::Conv { act, .. } | Fused::Depthwise { act, .. } | Fused::Pool { act, .. } => Some(act),
            Fused::Binary { act, .. } | Fused::Add { act } | Fused::Concat { act } => Some(act),
            Fused::Input | Fused::Reduce(_) | Fused::Rearrange(_) | Fused::Activation(_) => None,
            Fused::Constant | Fused::Softmax { .. } => None,
            Fused::Move { .. } | Fused::Shuffle { .. } | Fused::Slice { .. } => None,
        }
    }

    /// The branches of a convolution, if nothing is done to its sums yet.
    fn branches(&mut self) -> Option<&mut Branches> {
        match &mut self.op {
            Fused::Conv { branches, act: None, .. } | Fused::Depthwise { branches, act: None } if self.inputs.len() == 1 => {
                Some(branches)
            }
            _ => None,
        }
    }

    /// Whether its maps may have gaps, lanes without channels between those that have some: such lanes hold zeros, and stay so.
    pub(super) fn takes_gaps(&self, network: &Network) -> bool {
        let keeps = |act: &Option<Activation>| act.is_none_or(Activation::keeps_zero);
        match &self.op {
            Fused::Conv { branches, act, post_act } => branches.conv().groups == 1 && keeps(act) && keeps(post_act),
            Fused::Depthwise { act, .. } | Fused::Pool { act, .. } | Fused::Add { act } => keeps(act),
            Fused::Binary { op, act } => {
                let [a, b] = [0, 1].map(|i| network.node(self.inputs[i]).shape.c);
                keeps(act) && (*op == Arithmetic::Mul || a == b && op.at(0.0, 0.0) == 0.0)
            }
            Fused::Activation(act) => act.keeps_zero(),
            Fused::Reduce(_) => true,
            Fused::Rearrange(how) => !matches!(how, Rearrange::DepthToSpace { .. }),
            Fused::Input | Fused::Constant | Fused::Softmax { .. } => false,
            Fused::Move { .. } | Fused::Shuffle { .. } | Fused::Slice { .. } | Fused::Concat { .. } => false,
        }
    }

    fn takes_act(&mut self) -> bool {
        self.act().is_some_and(|act| act.is_none())
    }
}

/// A fused network.
pub(super) struct Steps {
    /// The steps, indexed by the last of the nodes that are fused, whose value the step computes. `None` for nodes that are fused
    /// into later ones, and for dead nodes.
    pub steps: Vec<Option<Step>>,
    /// What is returned.
    pub outputs: Vec<Tail>,
}

impl Steps {
    /// The step that computes a value.
    pub(super) fn at(&self, id: NodeId) -> &Step {
        self.steps[id.0].as_ref().expect("only a node's one reader fuses it away")
    }

    /// The node whose step writes a value. The value may have been shuffled since, and may be a part of what is written.
    pub(super) fn writer(&self, mut id: NodeId) -> NodeId {
        while let Step { op: Fused::Shuffle { .. } | Fused::Slice { .. }, inputs, .. } = self.at(id) {
            id = inputs[0];
        }
        id
    }

    /// All steps with the nodes whose values they compute, inputs first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Step)> {
        self.steps.iter().enumerate().filter_map(|(id, step)| step.as_ref().map(|step| (NodeId(id), step)))
    }
}

/// The most nodes that move values together.
const LONGEST: usize = 32;

/// Sums of weights and biases that are less are finite, whatever factor their activation wants.
const LARGEST: f64 = f32::MAX as f64 / 4.0;

/// A window of so few taps is left as it is, so that an activation can be fused into it.
const FEW: usize = 16;

/// Folds and fuses.
pub(super) fn fuse(network: &Network, weights: &Weights) -> Result<Steps, NormalizeError> {
    let mut fuser = Fuser::new(network, weights);
    fold::check(network, weights, &fuser.live().collect::<Vec<_>>())?;
    let mut steps = Steps { steps: Vec::new(), outputs: fuser.tails() };
    for id in (0..network.nodes().len()).map(NodeId) {
        let step = if fuser.readers[id.0] > 0 && !fuser.in_tail[id.0] { fuser.step(id) } else { None };
        fuser.steps.push(step);
    }
    steps.steps = fuser.steps;
    Ok(steps)
}

struct Fuser<'a> {
    network: &'a Network,
    weights: &'a Weights,
    /// What each node reads. Nodes that change nothing are skipped.
    inputs: Vec<Vec<NodeId>>,
    /// What the network returns. Nodes that change nothing are skipped here too.
    outputs: Vec<NodeId>,
    /// Which nodes are in the tail of an output.
    in_tail: Vec<bool>,
    /// How often the value of each node is read by live nodes or returned.
    readers: Vec<usize>,
    steps: Vec<Option<Step>>,
}

impl<'a> Fuser<'a> {
    fn new(network: &'a Network, weights: &'a Weights) -> Self {
        let nodes = network.nodes();
        let mut same: Vec<NodeId> = Vec::with_capacity(nodes.len());
        let mut inputs: Vec<Vec<NodeId>> = Vec::with_capacity(nodes.len());
        for (id, node) in nodes.iter().enumerate() {
            let sources: Vec<NodeId> = node.inputs.iter().map(|input| same[input.0]).collect();
            same.push(if network.is_identity(NodeId(id)) { sources[0] } else { NodeId(id) });
            inputs.push(sources);
        }
        let outputs: Vec<NodeId> = network.outputs().iter().map(|output| same[output.0]).collect();
        let mut readers = vec![0; nodes.len()];
        for output in &outputs {
            readers[output.0] += 1;
        }
        for id in (0..nodes.len()).rev() {
            if readers[id] > 0 {
                for input in &inputs[id] {
                    readers[input.0] += 1;
                }
            }
        }
        Self { network, weights, inputs, outputs, in_tail: Vec::new(), readers, steps: Vec::with_capacity(nodes.len()) }
    }

    fn live(&self) -> impl Iterator<Item = NodeId> {
        (0..self.readers.len()).filter(|&id| self.readers[id] > 0).map(NodeId)
    }

    /// The tails of the outputs.
    fn tails(&mut self) -> Vec<Tail> {
        let is_live = |id: NodeId| self.readers[id.0] > 0;
        let (in_tail, tails) = tails(self.network, &self.inputs, &self.outputs, is_live);
        self.in_tail = in_tail;
        tails
    }

    /// What a node computes. The sum of maps of the same shape has one form only.
    fn op(&self, id: NodeId) -> Op {
        let Node { op, shape, .. } = *self.network.node(id);
        let same = || self.inputs[id.0].iter().all(|&input| self.network.node(input).shape == shape);
        if op == Op::Binary(Arithmetic::Add) && same() { Op::Add } else { op }
    }

    /// The step that ends with node `id`. Steps that are fused into it are removed from their own places.
    fn step(&mut self, id: NodeId) -> Option<Step> {
        let inputs = self.inputs[id.0].clone();
        let fused = match self.op(id) {
            Op::BatchNorm { eps } => Some(self.batch_norm(id, eps)),
            Op::Activation(act) => self.activated(inputs[0], act),
            Op::Add => self.joined(inputs[0], inputs[1], [1.0, 1.0]).or_else(|| self.summed(inputs[0], inputs[1])),
            Op::Binary(Arithmetic::Sub) => self.joined(inputs[0], inputs[1], [1.0, -1.0]),
            Op::Binary(Arithmetic::SubFrom) => self.joined(inputs[0], inputs[1], [-1.0, 1.0]),
            _ => None,
        };
        if fused.is_some() {
            return fused;
        }
        let op = match self.op(id) {
            Op::Input => Fused::Input,
            Op::Conv2d(conv) => return Some(self.conv(id, conv)),
            Op::Linear { out, bias } => return Some(self.conv(id, Conv2d { oc: out, groups: 1, bias, window: Window::POINT })),
            Op::Activation(act) => Fused::Activation(act),
            Op::MaxPool(window) => self.pool(inputs[0], PoolKind::Max, window),
            Op::AvgPool { window, counted } => self.pool(inputs[0], PoolKind::Average { counted }, window),
            Op::Reduce(reduction) => Fused::Reduce(reduction),
            Op::Rearrange(how) => Fused::Rearrange(how),
            Op::Add => Fused::Add { act: None },
            Op::Binary(op) => Fused::Binary { op, act: None },
            Op::Concat => {
                let inputs = inputs.into_iter().flat_map(|input| self.operands(input)).collect();
                return Some(Step { node: id, inputs, op: Fused::Concat { act: None } });
            }
            Op::ChannelShuffle { groups } => Fused::Shuffle { groups },
            Op::Slice { begin, .. } => Fused::Slice { begin },
            Op::Transpose(_) | Op::Reshape(_) => return Some(self.moved(id)),
            Op::Constant(_) => Fused::Constant,
            Op::Softmax { log } => Fused::Softmax { log },
            Op::BatchNorm { .. } => return None,
        };
        Some(Step { node: id, inputs, op })
    }

    /// A move of values, together with the one before it if only this one reads that.
    fn moved(&mut self, id: NodeId) -> Step {
        let input = self.inputs[id.0][0];
        let before = match self.only(input) {
            Some(Step { op: Fused::Move { nodes, .. }, .. }) if nodes.len() < LONGEST => [&[id], &nodes[..]].concat(),
            _ => Vec::new(),
        };
        if let Some(view) = self.through(&before) {
            self.steps[input.0] = None;
            let first = before.last().map_or(id, |first| self.inputs[first.0][0]);
            return Step { node: id, inputs: vec![first], op: Fused::Move { view, nodes: before } };
        }
        let view = self.through(&[id]).expect("one node alone moves values by constant strides");
        Step { node: id, inputs: vec![input], op: Fused::Move { view, nodes: vec![id] } }
    }

    /// Where values lie that some nodes move, from the last to the first. `None` if there are no nodes, or if the values are at no
    /// constant strides or at too many.
    fn through(&self, nodes: &[NodeId]) -> Option<View> {
        let mut view = View::whole(self.network.node(*nodes.first()?).shape);
        for node in nodes {
            view = view.before(self.network.node(*node).op, self.network.node(self.inputs[node.0][0]).shape)?;
        }
        // The dimensions of the result divide two more.
        (view.strides().len() + 2 <= digits::MOST).then_some(view)
    }

    /// A large window over the whole map reduces it: kernels for windows have a line for each tap.
    fn pool(&self, src: NodeId, kind: PoolKind, window: Window) -> Fused {
        let src = self.network.node(src).shape;
        let (rows, columns) = window.axes();
        let is_one = (rows.outputs_over(src.h), columns.outputs_over(src.w)) == (Some(1), Some(1));
        let meets = |axis: Axis, size: usize| axis.taps(0, size).len();
        let covers = is_one && window.taps() > FEW && (meets(rows, src.h), meets(columns, src.w)) == (src.h, src.w);
        match kind {
            PoolKind::Max if covers => Fused::Reduce(Reduction::Max),
            PoolKind::Average { counted } if covers => {
                let ((rows, h), (columns, w)) = (rows.counting(counted.0, src.h), columns.counting(counted.1, src.w));
                match (meets(rows, h), meets(columns, w)) == (src.h, src.w) {
                    true => Fused::Reduce(Reduction::Mean),
                    false => Fused::Pool { kind, window, act: None },
                }
            }
            _ => Fused::Pool { kind, window, act: None },
        }
    }

    /// A convolution, and the batch norm in front of it that nothing else reads.
    fn conv(&mut self, id: NodeId, conv: Conv2d) -> Step {
        let (network, weights) = (self.network, self.weights);
        let mut input = self.inputs[id.0][0];
        let ic = network.node(input).shape.c;
        let mut branches = Branches::one(id, conv, Affine::bias(network, weights, id));
        let norm = self.only(input).and_then(|step| step.branches().cloned());
        let behind = norm.and_then(|norm| branches.behind(&norm, network));
        if let Some(behind) = behind.filter(|behind| behind.largest(network, weights) < LARGEST)
            && let Some(norm) = self.steps[input.0].take()
        {
            (branches, input) = (behind, norm.inputs[0]);
        }
        // A convolution with one input and one output channel is as much dense as it is depthwise. It is taken for a dense one,
        // which can read the network's input.
        let op = if conv.groups == ic && conv.oc == ic && ic > 1 {
            Fused::Depthwise { branches, act: None }
        } else {
            Fused::Conv { branches, act: None, post_act: None }
        };
        Step { node: id, inputs: vec![input], op }
    }

    /// The step of a value that only the node being fused reads.
    fn only(&mut self, id: NodeId) -> Option<&mut Step> {
        if self.readers[id.0] == 1 { self.steps[id.0].as_mut() } else { None }
    }

    fn batch_norm(&mut self, id: NodeId, eps: f64) -> Step {
        let (network, weights) = (self.network, self.weights);
        let input = self.inputs[id.0][0];
        if let Some(branches) = self.only(input).and_then(Step::branches) {
            let mut after = branches.clone();
            after.batch_norm(network, weights, id, eps);
            if after.is_one() || after.largest(network, weights) < LARGEST {
                *branches = after;
                return self.steps[input.0].take().expect("matched above");
            }
        }
        let c = network.node(id).shape.c;
        let mut affine = Affine::identity(c);
        affine.batch_norm(network, weights, id, eps);
        let conv = Conv2d { oc: c, groups: c, bias: false, window: Window::POINT };
        Step { node: id, inputs: vec![input], op: Fused::Depthwise { branches: Branches::one(id, conv, affine), act: None } }
    }

    /// The step before, with the activation added, if it has a free place for one.
    ///
    /// An activation that does not keep zero, such as a sigmoid, is only added to layers that clear their pad lanes afterwards.
    fn activated(&mut self, input: NodeId, function: Activation) -> Option<Step> {
        let step = self.only(input)?;
        let clears = !matches!(step.op, Fused::Depthwise { .. } | Fused::Pool { .. } | Fused::Concat { .. });
        if !step.takes_act() || (!function.keeps_zero() && !clears) {
            return None;
        }
        if let Fused::Concat { .. } = step.op {
            let operands = step.inputs.clone();
            let mut takes = |&id: &NodeId| {
                self.only(id).is_some_and(|operand| operand.takes_act() && !matches!(operand.op, Fused::Concat { .. }))
            };
            if !operands.iter().all(&mut takes) {
                return None;
            }
        }
        let mut step = self.steps[input.0].take()?;
        *step.act()? = Some(function);
        Some(step)
    }

    /// The convolution that is the sum of two of one map, each times its sign. A depthwise one, which takes no shortcut, may be that of itself
    /// and the map.
    fn joined(&mut self, a: NodeId, b: NodeId, signs: [f64; 2]) -> Option<Step> {
        let [sign_a, sign_b] = signs;
        let both = [(a, sign_a, b, sign_b), (b, sign_b, a, sign_a)];
        let (id, sign, part, sign_of_part, other) =
            both.into_iter().find_map(|(id, sign, part, other)| Some((id, sign, part, other, self.part(id, part)?)))?;
        let mut whole = self.steps[id.0].take()?;
        if whole.inputs != [part] {
            self.steps[part.0] = None;
        }
        let branches = whole.branches()?;
        branches.scale_by(sign);
        branches.add(other, sign_of_part);
        Some(whole)
    }

    /// What the convolution `whole` can take as a branch of its own: `part`, which is another one of the same map, or that map.
    fn part(&mut self, whole: NodeId, part: NodeId) -> Option<Branches> {
        let (network, weights) = (self.network, self.weights);
        let step = self.only(whole)?;
        let (source, takes_map) = (*step.inputs.first()?, matches!(step.op, Fused::Depthwise { .. }));
        let branches = step.branches()?.clone();
        let other = if part == source && takes_map {
            Branches::identity(network.node(part).shape.c)
        } else {
            let step = self.only(part).filter(|step| step.inputs == [source])?;
            step.branches()?.clone()
        };
        let fits = network.node(whole).shape == network.node(part).shape && branches.take(&other);
        (fits && branches.largest(network, weights) + other.largest(network, weights) < LARGEST).then_some(other)
    }

    /// The convolution that takes the sum `a + b` as a shortcut. If both could, the later one does: it need not wait for the
    /// other.
    fn summed(&mut self, a: NodeId, b: NodeId) -> Option<Step> {
        let same = self.network.node(a).shape.c == self.network.node(b).shape.c;
        let mut takes =
            |id: NodeId| self.only(id).is_some_and(|step| matches!(step.op, Fused::Conv { .. }) && step.inputs.len() == 1);
        let (conv, shortcut) =
            [(a, b), (b, a)].into_iter().filter(|&(conv, _)| (conv == a || same) && takes(conv)).max_by_key(|&(conv, _)| conv)?;
        let mut step = self.steps[conv.0].take()?;
        step.inputs.push(shortcut);
        Some(step)
    }

    /// The operands that an input adds to a concatenation: the input itself or, if it is a concatenation that only this one
    /// reads, the operands of that.
    fn operands(&mut self, input: NodeId) -> Vec<NodeId> {
        match self.only(input) {
            Some(Step { inputs, op: Fused::Concat { act: None }, .. }) => {
                let inputs = inputs.clone();
                self.steps[input.0] = None;
                inputs
            }
            _ => vec![input],
        }
    }
}
