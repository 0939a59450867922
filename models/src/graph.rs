//! The graph of a network: operators, inference of shapes, and validation.

use std::collections::HashSet;
use std::fmt;

use sartor_ops::Axis;
pub use sartor_ops::{Activation, DepthOrder, Padding, Parameter, Rearrange, Reduction, Window};

use crate::arithmetic::{Arithmetic, Spread};
use crate::escape::{self, line};

/// The shape of a map for one image: channels, height and width. The batch is a parameter of compiling, not of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Channels.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Shape {
    /// A `c` x `h` x `w` shape.
    pub const fn new(c: usize, h: usize, w: usize) -> Self {
        Self { c, h, w }
    }

    /// Number of elements.
    ///
    /// Cannot overflow for the shape of a node: [`Builder`] rejects maps above [`MAX_ELEMENTS`].
    pub const fn len(&self) -> usize {
        self.c * self.h * self.w
    }

    /// Channels, rows and columns.
    pub const fn dims(&self) -> [usize; 3] {
        [self.c, self.h, self.w]
    }

    /// Whether a dimension is zero; never true for the shape of a node.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixels of one channel.
    pub const fn pixels(&self) -> usize {
        self.h * self.w
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.c, self.h, self.w)
    }
}

/// The largest map that a network may have, in elements: 4 GiB of f32. So byte offsets cannot overflow.
pub const MAX_ELEMENTS: usize = 1 << 30;

/// A node's index in its network; inputs always have smaller ids than the nodes that read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// A 2-d convolution, as in PyTorch; but the two sides of an axis may have different padding. `weight` is `[oc, ic / groups, kh, kw]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Output channels.
    pub oc: usize,
    /// The number of groups, which divides the input and the output channels.
    pub groups: usize,
    /// Whether there is a `bias` parameter, `[oc]`.
    pub bias: bool,
    /// Its window.
    pub window: Window,
}

/// What a node computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// The network's input.
    Input,
    /// 2-d convolution. Its parameters are `weight` and, if there is one, `bias`.
    Conv2d(Conv2d),
    /// Batch norm with running statistics. Its parameters are `weight`, `bias`, `running_mean` and `running_var`.
    BatchNorm {
        /// Added to the variance.
        eps: f64,
    },
    /// An elementwise function.
    Activation(Activation),
    /// Max pooling. Padding is never the maximum, and no window may lie wholly in it.
    MaxPool(Window),
    /// Average pooling. It has the same limit of padding, and no dilation.
    AvgPool {
        /// Its window.
        window: Window,
        /// The padding of the rows and of the columns that counts as zeros, next to the map: a sum is divided by the number of taps
        /// that lie in the map or in this padding. PyTorch's default is all of it; none of it is `count_include_pad=False`.
        counted: (Padding, Padding),
    },
    /// Reduces each channel's pixels to one; the result is `c x 1 x 1`.
    Reduce(Reduction),
    /// Moves pixels: enlarges a map, makes blocks of pixels of channels, adds rows and columns of zeros or takes some away.
    Rearrange(Rearrange),
    /// Fully connected layer on a `c x 1 x 1` map. Its parameters are `weight`, `[out, c]`, and, if there is one, `bias`.
    Linear {
        /// Output features.
        out: usize,
        /// Whether there is a `bias` parameter.
        bias: bool,
    },
    /// `out = a; out[:, :b.c] += b`. This is the sum if both have the same number of channels, and ReXNet's partial shortcut if
    /// `b` has fewer.
    Add,
    /// Arithmetic on two maps. The result has the shape of the first. The second has the same shape, or is repeated: over the
    /// pixels if it is `c x 1 x 1`, over the channels if it is `1 x h x w`, over both if it is `1 x 1 x 1`.
    Binary(Arithmetic),
    /// Concatenation over channels.
    Concat,
    /// Transposes the channels, seen as `(groups, c / groups)`, to `(c / groups, groups)`.
    ChannelShuffle {
        /// The number of groups, which divides the channels.
        groups: usize,
    },
    /// The channels `begin..begin + len`.
    Slice {
        /// The first channel.
        begin: usize,
        /// How many channels there are; at least 1.
        len: usize,
    },
    /// `exp(x) / sum(exp(x))` over the channels, at each pixel.
    Softmax {
        /// Whether its logarithm is taken.
        log: bool,
    },
    /// A map of constants, which reads nothing. Its parameter is `value`, `[c, h, w]`.
    Constant(Shape),
    /// Channels, rows and columns in another order: dimension `i` of the result is dimension `order[i]` of the input.
    Transpose([usize; 3]),
    /// The same elements in the same order, channel by channel and row by row, under another shape.
    Reshape(Shape),
}

impl Op {
    /// Average pooling that counts all padding, as is PyTorch's default.
    pub const fn avg_pool(window: Window) -> Self {
        Self::AvgPool { window, counted: window.padding }
    }
}

/// A parameter tensor that a node needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// `<node>.weight`, `<node>.bias`, `<node>.running_mean`, `<node>.running_var` or `<node>.value`.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
}

/// An operator applied to earlier nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The name, which is unique in its network: for example `features.8.expand`.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The nodes that it reads.
    pub inputs: Vec<NodeId>,
    /// The shape of its result.
    pub shape: Shape,
}

/// The network cannot be built: which node and attribute is wrong, which value it has, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node '{}': {attribute} is {}: {help}", line(.node), line(.value))]
pub struct GraphError {
    /// The node's name.
    pub node: String,
    /// The attribute at fault.
    pub attribute: String,
    /// The value it has.
    pub value: String,
    /// What would be valid.
    pub help: String,
}

/// A validated graph. Names are unique, shapes are known, and nodes come after the nodes that they read.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The network's name; for networks of the zoo, `family[_VARIANT][_gGROUPS][_xWIDTH][@HxW]`.
    pub name: String,
    nodes: Vec<Node>,
    outputs: Vec<NodeId>,
}

impl Network {
    /// All nodes, in topological order. The first one is the input.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The ids of all nodes.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The node of an id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Whether a node returns its only input unchanged: a concatenation of one map, a shuffle of one group or of groups of one
    /// channel, a slice of all channels, or a shape that stays with its elements in their order.
    pub fn is_identity(&self, id: NodeId) -> bool {
        let Node { op, inputs, shape, .. } = self.node(id);
        let keeps_shape = || self.node(inputs[0]).shape == *shape;
        match op {
            Op::Concat => inputs.len() == 1,
            Op::ChannelShuffle { groups } => *groups == 1 || *groups == shape.c,
            Op::Slice { .. } | Op::Reshape(_) => keeps_shape(),
            Op::Rearrange(how) => how.is_identity(),
            Op::Transpose(order) => {
                let moved = order.iter().zip(shape.dims()).filter(|&(_, size)| size > 1).map(|(from, _)| from);
                keeps_shape() && moved.is_sorted()
            }
            _ => false,
        }
    }

    /// The node that computes this node's value: the node itself, or, if it returns its input unchanged, the nearest one before
    /// it that does not.
    pub fn same_as(&self, mut id: NodeId) -> NodeId {
        while self.is_identity(id) {
            id = self.node(id).inputs[0];
        }
        id
    }

    /// The outputs, in order.
    pub fn outputs(&self) -> &[NodeId] {
        &self.outputs
    }

    /// The shape of the input.
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// The parameters of a node, in PyTorch's order.
    pub fn params_of(&self, id: NodeId) -> Vec<Param> {
        let node = self.node(id);
        let input = node.inputs.first().map(|&i| self.node(i).shape);
        let param = |suffix: &str, shape: &[usize]| Param { name: format!("{}.{suffix}", node.name), shape: shape.to_vec() };
        match (node.op, input) {
            (Op::Constant(shape), _) => vec![param("value", &shape.dims())],
            (Op::Conv2d(conv), Some(src)) => {
                let weight = param("weight", &[conv.oc, src.c / conv.groups, conv.window.kernel.0, conv.window.kernel.1]);
                std::iter::once(weight).chain(conv.bias.then(|| param("bias", &[conv.oc]))).collect()
            }
            (Op::Linear { out, bias }, Some(src)) => {
                std::iter::once(param("weight", &[out, src.c])).chain(bias.then(|| param("bias", &[out]))).collect()
            }
            (Op::BatchNorm { .. }, Some(src)) => {
                ["weight", "bias", "running_mean", "running_var"].map(|suffix| param(suffix, &[src.c])).to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// The parameters of all nodes.
    pub fn params(&self) -> Vec<Param> {
        self.ids().flat_map(|id| self.params_of(id)).collect()
    }

    /// The number of learned parameters, as PyTorch counts them: running statistics and constants are buffers and do not count.
    pub fn param_count(&self) -> usize {
        let learned = |id: &NodeId| !matches!(self.node(*id).op, Op::Constant(_));
        let params = self.ids().filter(learned).flat_map(|id| self.params_of(id));
        params.filter(|p| !p.name.contains(".running_")).map(|p| p.shape.iter().product::<usize>()).sum()
    }

    /// The multiply-accumulates of a node for one image. Only convolutions and linear layers count.
    pub fn macs_of(&self, id: NodeId) -> u64 {
        let node = self.node(id);
        let src = node.inputs.first().map_or(0, |&i| self.node(i).shape.c) as u64;
        match node.op {
            Op::Conv2d(conv) => {
                node.shape.len() as u64 * (src / conv.groups as u64) * (conv.window.kernel.0 * conv.window.kernel.1) as u64
            }
            Op::Linear { out, .. } => out as u64 * src,
            _ => 0,
        }
    }

    /// The multiply-accumulates of the network for one image.
    pub fn macs(&self) -> u64 {
        self.ids().map(|id| self.macs_of(id)).sum()
    }
}

/// Builds a [`Network`] node by node. It infers shapes and refuses what is not valid.
pub struct Builder {
    name: String,
    nodes: Vec<Node>,
    names: HashSet<String>,
}

impl Builder {
    /// Starts a network with its input. Names of networks and nodes may have any characters, at least one and at most
    /// [`escape::LONGEST`] bytes of them.
    ///
    /// # Errors
    /// If a dimension is zero, the map has more than [`MAX_ELEMENTS`], or the name is empty or too long.
    pub fn new(name: impl Into<String>, input: Shape) -> Result<Self, GraphError> {
        let mut builder = Self { name: name.into(), nodes: Vec::new(), names: HashSet::new() };
        check_name("network", &builder.name)?;
        check_map("input", input)?;
        builder.push("input".into(), Op::Input, Vec::new(), input);
        Ok(builder)
    }

    /// The input's id.
    pub const fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// The number of nodes so far.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never true: there is an input.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node that was added before.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The shape of a node that was added before.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.nodes[id.0].shape
    }

    /// Adds a node.
    ///
    /// # Errors
    /// If the name is taken, empty or too long; if an attribute is out of range; or if the shapes of the inputs do not fit the operator.
    pub fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let name = name.into();
        check_name("name", &name)?;
        if self.names.contains(&name) {
            return Err(fault(&name, "name", &name, "another node has the same name"));
        }
        if let Some(id) = inputs.iter().find(|id| id.0 >= self.nodes.len()) {
            return Err(fault(&name, "input", id.0, "inputs must be added before the nodes that read them"));
        }
        let shapes: Vec<Shape> = inputs.iter().map(|&id| self.shape(id)).collect();
        let shape = infer(&name, &op, &shapes)?;
        check_map(&name, shape)?;
        self.push(name, op, inputs.to_vec(), shape);
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// Takes all nodes but the first `len` away again. The input stays.
    pub(crate) fn truncate(&mut self, len: usize) -> Vec<Node> {
        let taken = self.nodes.split_off(len.max(1).min(self.nodes.len()));
        for node in &taken {
            self.names.remove(&node.name);
        }
        taken
    }

    /// Completes the network.
    ///
    /// # Errors
    /// If there is no output or an id is unknown.
    pub fn finish(self, outputs: &[NodeId]) -> Result<Network, GraphError> {
        if outputs.is_empty() {
            return Err(fault(&self.name, "outputs", 0, "a network needs at least one output"));
        }
        if let Some(id) = outputs.iter().find(|id| id.0 >= self.nodes.len()) {
            return Err(fault(&self.name, "output", id.0, "not a node of this network"));
        }
        Ok(Network { name: self.name, nodes: self.nodes, outputs: outputs.to_vec() })
    }

    fn push(&mut self, name: String, op: Op, inputs: Vec<NodeId>, shape: Shape) {
        self.names.insert(name.clone());
        self.nodes.push(Node { name, op, inputs, shape });
    }
}

fn fault(node: &str, attribute: &str, value: impl fmt::Display, help: &str) -> GraphError {
    GraphError { node: node.into(), attribute: attribute.into(), value: value.to_string(), help: help.into() }
}

fn check_name(attribute: &str, name: &str) -> Result<(), GraphError> {
    match name.len() {
        0 => Err(fault(name, attribute, "''", "a name needs at least one character")),
        1..=escape::LONGEST => Ok(()),
        bytes => Err(fault(name, attribute, format_args!("{bytes} bytes long"), &format!("use at most {}", escape::LONGEST))),
    }
}

fn check_map(node: &str, shape: Shape) -> Result<(), GraphError> {
    let elements = shape.c.checked_mul(shape.h).and_then(|n| n.checked_mul(shape.w));
    match elements {
        Some(0) => Err(fault(node, "shape", shape, "every dimension must be at least 1")),
        Some(n) if n <= MAX_ELEMENTS => Ok(()),
        _ => Err(fault(node, "shape", shape, "the map is too large; use a smaller width or resolution")),
    }
}

fn infer(node: &str, op: &Op, inputs: &[Shape]) -> Result<Shape, GraphError> {
    let arity = match op {
        Op::Input | Op::Constant(_) => 0,
        Op::Add | Op::Binary(_) => 2,
        Op::Concat => inputs.len().max(1),
        _ => 1,
    };
    if inputs.len() != arity {
        return Err(fault(node, "inputs", inputs.len(), &format!("this operator takes {arity}")));
    }
    match *op {
        Op::Input => Err(fault(node, "op", "Input", "a network has one input, made by Builder::new")),
        Op::Constant(shape) => Ok(shape),
        Op::Conv2d(conv) => infer_conv(node, conv, inputs[0]),
        Op::BatchNorm { eps } if !(eps.is_finite() && eps > 0.0) => Err(fault(node, "eps", eps, "must be positive and finite")),
        Op::Activation(act) if !act.is_valid() => {
            Err(fault(node, "parameters of the activation", act, "there is no such function: they must be finite and in order"))
        }
        Op::BatchNorm { .. } | Op::Activation(_) | Op::Softmax { .. } => Ok(inputs[0]),
        Op::AvgPool { window, .. } if window.dilation != (1, 1) => {
            let (h, w) = window.dilation;
            Err(fault(node, "dilation", format_args!("{h}x{w}"), "average pooling has none: use 1"))
        }
        Op::AvgPool { window, counted } => {
            counts(node, "counted rows", counted.0, window.padding.0)?;
            counts(node, "counted columns", counted.1, window.padding.1)?;
            infer_pool(node, window, inputs[0])
        }
        Op::MaxPool(window) => infer_pool(node, window, inputs[0]),
        Op::Reduce(_) => Ok(Shape::new(inputs[0].c, 1, 1)),
        Op::Rearrange(how) => infer_rearrange(node, how, inputs[0]),
        Op::Linear { out, .. } => {
            flat(node, inputs[0])?;
            positive(node, "out", out)?;
            check_weight(node, &[out, inputs[0].c])?;
            Ok(Shape::new(out, 1, 1))
        }
        Op::Add => {
            let (a, b) = (inputs[0], inputs[1]);
            if (a.h, a.w) != (b.h, b.w) || b.c > a.c {
                return Err(fault(
                    node,
                    "inputs",
                    format!("{a} + {b}"),
                    "heights and widths must be equal, and the second map must not have more channels",
                ));
            }
            Ok(a)
        }
        Op::Binary(_) => {
            let (a, b) = (inputs[0], inputs[1]);
            if Spread::of(a.dims(), b.dims()).is_none() {
                let Shape { c, h, w } = a;
                return Err(fault(node, "second input", b, &format!("must be {a}, {c}x1x1, 1x{h}x{w} or 1x1x1")));
            }
            Ok(a)
        }
        Op::Concat => {
            let first = inputs[0];
            if let Some(other) = inputs.iter().find(|s| (s.h, s.w) != (first.h, first.w)) {
                return Err(fault(node, "inputs", format!("{first} and {other}"), "heights and widths must be equal"));
            }
            let c = inputs.iter().try_fold(0usize, |sum, s| sum.checked_add(s.c));
            c.map(|c| Shape::new(c, first.h, first.w)).ok_or_else(|| fault(node, "channels", "overflow", "too many channels"))
        }
        Op::ChannelShuffle { groups } => {
            divides(node, groups, inputs[0].c, "channels")?;
            Ok(inputs[0])
        }
        Op::Transpose(order) => {
            let mut sorted = order;
            sorted.sort_unstable();
            if sorted != [0, 1, 2] {
                return Err(fault(node, "order", format_args!("{order:?}"), "must hold 0, 1 and 2, each once"));
            }
            let [c, h, w] = order.map(|from| inputs[0].dims()[from]);
            Ok(Shape { c, h, w })
        }
        Op::Reshape(shape) => {
            let elements = |Shape { c, h, w }: Shape| c.checked_mul(h)?.checked_mul(w);
            if elements(shape) != elements(inputs[0]) {
                return Err(fault(node, "shape", shape, &format!("must have the {} elements of {}", inputs[0].len(), inputs[0])));
            }
            Ok(shape)
        }
        Op::Slice { begin, len } => {
            let src = inputs[0];
            positive(node, "len", len)?;
            if begin.checked_add(len).is_none_or(|end| end > src.c) {
                let value = format!("from channel {begin} on, {len} channels");
                return Err(fault(node, "slice", value, &format!("the input has {} channels", src.c)));
            }
            Ok(Shape { c: len, ..src })
        }
    }
}

fn infer_conv(node: &str, conv: Conv2d, src: Shape) -> Result<Shape, GraphError> {
    positive(node, "oc", conv.oc)?;
    divides(node, conv.groups, src.c, "input channels")?;
    divides(node, conv.groups, conv.oc, "output channels")?;
    let (rows, columns) = conv.window.axes();
    let h = outputs(node, "kernel height", src.h, rows)?;
    let w = outputs(node, "kernel width", src.w, columns)?;
    check_weight(node, &[conv.oc, src.c / conv.groups, conv.window.kernel.0, conv.window.kernel.1])?;
    Ok(Shape::new(conv.oc, h, w))
}

/// Refuses weights of more than [`MAX_ELEMENTS`].
fn check_weight(node: &str, shape: &[usize]) -> Result<(), GraphError> {
    match shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) {
        Some(n) if n <= MAX_ELEMENTS => Ok(()),
        _ => Err(fault(node, "weight", shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x"), "too large")),
    }
}

fn infer_pool(node: &str, window: Window, src: Shape) -> Result<Shape, GraphError> {
    let (rows, columns) = window.axes();
    let h = outputs(node, "window height", src.h, rows)?;
    let w = outputs(node, "window width", src.w, columns)?;
    let dst = Shape::new(src.c, h, w);
    check_map(node, dst)?;
    meets(node, "vertical padding", rows, (src.h, h))?;
    meets(node, "horizontal padding", columns, (src.w, w))?;
    Ok(dst)
}

fn infer_rearrange(node: &str, how: Rearrange, src: Shape) -> Result<Shape, GraphError> {
    match how {
        Rearrange::Upsample { rows, columns } => {
            positive(node, "rows", rows)?;
            positive(node, "columns", columns)?;
        }
        Rearrange::DepthToSpace { block, .. } => {
            positive(node, "block", block)?;
            if block.checked_mul(block).is_none_or(|pixels| !src.c.is_multiple_of(pixels)) {
                return Err(fault(node, "block", block, &format!("its square does not divide {} channels", src.c)));
            }
        }
        Rearrange::Crop { rows, columns } => {
            for (attribute, cropped, size) in [("rows", rows, src.h), ("columns", columns, src.w)] {
                let Padding { before, after } = cropped;
                if before.checked_add(after).is_none_or(|cropped| cropped >= size) {
                    let value = format_args!("{before} in front and {after} behind").to_string();
                    return Err(fault(node, attribute, value, &format!("leave at least one of {size}")));
                }
            }
        }
        Rearrange::Pad { .. } => {}
    }
    let size = how.output((src.c, src.h, src.w));
    let size = size.ok_or_else(|| fault(node, "shape", "overflow", "the map is too large; use a smaller resolution"))?;
    Ok(Shape::new(size.0, size.1, size.2))
}

/// Refuses a window that holds nothing but padding: it has no largest value, and no mean.
fn meets(node: &str, attribute: &str, axis: Axis, (src, dst): (usize, usize)) -> Result<(), GraphError> {
    let Some(empty) = (0..dst).find(|&o| axis.taps(o, src).is_empty()) else { return Ok(()) };
    let Padding { before, after } = axis.padding;
    let help = format!("window {empty} of {dst} lies wholly in padding: use less, so that each window has a tap in the map");
    Err(fault(node, attribute, format_args!("{before} in front and {after} behind"), &help))
}

/// Refuses to count more padding than there is.
fn counts(node: &str, attribute: &str, counted: Padding, padding: Padding) -> Result<(), GraphError> {
    if counted.before <= padding.before && counted.after <= padding.after {
        return Ok(());
    }
    let help = format!("at most the padding of {} in front and {} behind", padding.before, padding.after);
    Err(fault(node, attribute, format_args!("{} in front and {} behind", counted.before, counted.after), &help))
}

/// The outputs of a window's axis over `size` inputs.
fn outputs(node: &str, what: &str, size: usize, axis: Axis) -> Result<usize, GraphError> {
    positive(node, what, axis.kernel)?;
    positive(node, "stride", axis.stride)?;
    positive(node, "dilation", axis.dilation)?;
    let padding = axis.padding;
    axis.outputs_over(size).ok_or_else(|| {
        let help = format!("larger than the padded input of {} + {size} + {}", padding.before, padding.after);
        match axis.dilation {
            1 => fault(node, what, axis.kernel, &help),
            dilation => fault(node, what, format_args!("{} with dilation {dilation}", axis.kernel), &help),
        }
    })
}

fn positive(node: &str, attribute: &str, value: usize) -> Result<(), GraphError> {
    if value == 0 { Err(fault(node, attribute, value, "must be at least 1")) } else { Ok(()) }
}

fn divides(node: &str, groups: usize, channels: usize, what: &str) -> Result<(), GraphError> {
    positive(node, "groups", groups)?;
    if channels.is_multiple_of(groups) {
        Ok(())
    } else {
        Err(fault(node, "groups", groups, &format!("does not divide {channels} {what}")))
    }
}

fn flat(node: &str, src: Shape) -> Result<(), GraphError> {
    if (src.h, src.w) == (1, 1) { Ok(()) } else { Err(fault(node, "input", src, "needs a 1x1 map; pool it first")) }
}
