//! Writes each operator of the graph as ONNX's operators.

use std::collections::{HashMap, HashSet};

use super::error::ExportError;
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, DepthOrder, Network, Node, NodeId, Op, Padding, Rearrange, Reduction, Shape, Window};
use crate::proto::{self, Attribute, Dimension, Graph, TensorShape, TensorType, Type, ValueInfo};
use crate::weights::Weights;

/// Writes a network node by node.
pub(super) struct Writer<'a> {
    network: &'a Network,
    weights: &'a Weights,
    batch: usize,
    graph: Graph,
    names: HashSet<String>,
    /// For each node so far: whether its value is `batch x c`, as `Gemm` returns it, instead of `batch x c x h x w`.
    flat: Vec<bool>,
    /// The names of values that a node needed in the other form.
    turned: HashMap<NodeId, String>,
}

type Result<T = ()> = std::result::Result<T, ExportError>;

impl<'a> Writer<'a> {
    pub fn new(network: &'a Network, weights: &'a Weights, batch: usize) -> Self {
        let graph = Graph { name: Some(network.name.clone()), ..Graph::default() };
        Self { network, weights, batch, graph, names: HashSet::new(), flat: Vec::new(), turned: HashMap::new() }
    }

    /// Writes a node. Its value gets the node's name.
    pub fn node(&mut self, id: NodeId) -> Result {
        let network = self.network;
        let node = network.node(id);
        let params = self.params(id)?;
        let passes_flat = matches!(node.op, Op::Activation(_)) && self.flat[node.inputs[0].0];
        let takes_flat = match node.op {
            Op::Linear { .. } => true,
            Op::Softmax { .. } => node.shape.pixels() == 1,
            _ => false,
        };
        let flat = takes_flat || passes_flat;
        let mut inputs = Vec::new();
        for &input in &node.inputs {
            inputs.push(self.value(input, flat)?);
        }
        let with_params = || inputs.iter().chain(&params).cloned().collect::<Vec<_>>();
        match node.op {
            Op::Input => self.claim(node, &node.name)?,
            Op::Conv2d(conv) => {
                let attributes = window_attributes(conv.window).into_iter().chain([int("group", conv.groups as i64)]);
                self.push(node, "Conv", &with_params(), &node.name, attributes)?;
            }
            Op::BatchNorm { eps } => {
                self.push(node, "BatchNormalization", &with_params(), &node.name, [float("epsilon", eps as f32)])?;
            }
            Op::Activation(Activation::Relu) => self.push(node, "Relu", &inputs, &node.name, [])?,
            Op::Activation(Activation::Relu6) => {
                let bounds = [self.scalar(node, "min", 0.0)?, self.scalar(node, "max", 6.0)?];
                self.push(node, "Clip", &[&inputs[..], &bounds].concat(), &node.name, [])?;
            }
            Op::Activation(Activation::Clip(low, high)) => {
                let [low, high] = [low, high].map(|end| Some(end.value()).filter(|end| end.is_finite()));
                let ends = [low.map(|end| ("min", "Max", end)), high.map(|end| ("max", "Min", end))];
                let mut operands = inputs.clone();
                for (name, _, end) in ends.into_iter().flatten() {
                    operands.push(self.scalar(node, name, end)?);
                }
                let op = match ends {
                    [None, None] => "Identity",
                    [Some((_, op, _)), None] | [None, Some((_, op, _))] => op,
                    [Some(_), Some(_)] => "Clip",
                };
                self.push(node, op, &operands, &node.name, [])?;
            }
            Op::Activation(Activation::Sigmoid) => self.push(node, "Sigmoid", &inputs, &node.name, [])?,
            Op::Activation(Activation::HardSwish) => self.push(node, "HardSwish", &inputs, &node.name, [])?,
            Op::Activation(Activation::LeakyRelu(slope)) => {
                self.push(node, "LeakyRelu", &inputs, &node.name, [float("alpha", slope.value())])?;
            }
            // The standard has an operator of its own from its version 20 on.
            Op::Activation(Activation::Gelu) => {
                let root = self.scalar(node, "root", std::f32::consts::SQRT_2)?;
                let (one, half) = (self.scalar(node, "one", 1.0)?, self.scalar(node, "half", 0.5)?);
                let scaled = self.inner(node, "scaled", "Div", &[inputs[0].clone(), root], [])?;
                let erf = self.inner(node, "erf", "Erf", &[scaled], [])?;
                let share = self.inner(node, "share", "Add", &[erf, one], [])?;
                let double = self.inner(node, "double", "Mul", &[inputs[0].clone(), share], [])?;
                self.push(node, "Mul", &[double, half], &node.name, [])?;
            }
            Op::Activation(Activation::HardSigmoid(alpha, beta)) => {
                let attributes = [float("alpha", alpha.value()), float("beta", beta.value())];
                self.push(node, "HardSigmoid", &inputs, &node.name, attributes)?;
            }
            Op::Activation(Activation::Affine(scale, shift)) => self.affine(node, &inputs[0], scale.value(), shift.value())?,
            Op::Activation(Activation::Abs) => self.push(node, "Abs", &inputs, &node.name, [])?,
            Op::Activation(Activation::Tanh) => self.push(node, "Tanh", &inputs, &node.name, [])?,
            Op::Activation(Activation::Erf) => self.push(node, "Erf", &inputs, &node.name, [])?,
            Op::Activation(Activation::Elu(alpha)) => {
                self.push(node, "Elu", &inputs, &node.name, [float("alpha", alpha.value())])?;
            }
            Op::Activation(Activation::Selu(alpha, gamma)) => {
                let attributes = [float("alpha", alpha.value()), float("gamma", gamma.value())];
                self.push(node, "Selu", &inputs, &node.name, attributes)?;
            }
            Op::Activation(Activation::Celu(alpha)) => {
                self.push(node, "Celu", &inputs, &node.name, [float("alpha", alpha.value())])?;
            }
            Op::Activation(Activation::Swish(beta)) => {
                let beta = self.scalar(node, "beta", beta.value())?;
                let scaled = self.inner(node, "scaled", "Mul", &[inputs[0].clone(), beta], [])?;
                let sigmoid = self.inner(node, "sigmoid", "Sigmoid", &[scaled], [])?;
                self.push(node, "Mul", &[inputs[0].clone(), sigmoid], &node.name, [])?;
            }
            // The standard has an operator of its own from its version 20 on.
            Op::Activation(Activation::GeluTanh) => self.gelu_tanh(node, &inputs[0])?,
            // The standard has an operator of its own from its version 18 on.
            Op::Activation(Activation::Mish) => {
                let softplus = self.inner(node, "softplus", "Softplus", &inputs, [])?;
                let tanh = self.inner(node, "tanh", "Tanh", &[softplus], [])?;
                self.push(node, "Mul", &[inputs[0].clone(), tanh], &node.name, [])?;
            }
            Op::Activation(Activation::Softplus) => self.push(node, "Softplus", &inputs, &node.name, [])?,
            Op::Activation(Activation::Softsign) => self.push(node, "Softsign", &inputs, &node.name, [])?,
            Op::Activation(Activation::Exp) => self.push(node, "Exp", &inputs, &node.name, [])?,
            Op::Activation(Activation::Log) => self.push(node, "Log", &inputs, &node.name, [])?,
            Op::Activation(Activation::Square) => {
                self.push(node, "Mul", &[inputs[0].clone(), inputs[0].clone()], &node.name, [])?;
            }
            Op::Activation(Activation::Cube) => {
                let three = self.scalar(node, "three", 3.0)?;
                self.push(node, "Pow", &[inputs[0].clone(), three], &node.name, [])?;
            }
            Op::Activation(Activation::Threshold(limit)) => {
                self.push(node, "ThresholdedRelu", &inputs, &node.name, [float("alpha", limit.value())])?;
            }
            Op::Activation(Activation::Power(exponent)) => {
                let exponent = self.scalar(node, "exponent", exponent.value())?;
                self.push(node, "Pow", &[inputs[0].clone(), exponent], &node.name, [])?;
            }
            Op::Activation(Activation::Sqrt) => self.push(node, "Sqrt", &inputs, &node.name, [])?,
            Op::Activation(Activation::InverseSqrt) => {
                let root = self.inner(node, "root", "Sqrt", &inputs, [])?;
                self.push(node, "Reciprocal", &[root], &node.name, [])?;
            }
            Op::Activation(Activation::Reciprocal) => self.push(node, "Reciprocal", &inputs, &node.name, [])?,
            Op::Activation(Activation::Silu) => {
                let sigmoid = self.inner(node, "sigmoid", "Sigmoid", &inputs, [])?;
                self.push(node, "Mul", &[inputs[0].clone(), sigmoid], &node.name, [])?;
            }
            Op::MaxPool(pool) => self.push(node, "MaxPool", &inputs, &node.name, window_attributes(pool))?,
            Op::AvgPool { window, counted } => self.average(node, &inputs[0], window, counted)?,
            Op::Reduce(reduction) => self.reduce(node, &inputs[0], reduction)?,
            Op::Rearrange(how) => self.rearrange(node, &inputs[0], how)?,
            Op::Linear { .. } => self.push(node, "Gemm", &with_params(), &node.name, [int("transB", 1)])?,
            Op::Add => self.add(node, &inputs)?,
            Op::Binary(op) => self.binary(node, op, inputs)?,
            Op::Concat => self.push(node, "Concat", &inputs, &node.name, [int("axis", 1)])?,
            Op::ChannelShuffle { groups } => self.shuffle(node, &inputs[0], groups)?,
            Op::Slice { begin, len } => self.slice(node, &inputs[0], begin, len)?,
            // The value has no batch of its own.
            Op::Constant(Shape { c, h, w }) => {
                let shape = self.integers(node, "to", &[self.batch, c, h, w].map(|d| d as i64))?;
                self.push(node, "Expand", &[params[0].clone(), shape], &node.name, [])?;
            }
            Op::Transpose(order) => {
                let order = [0].into_iter().chain(order.map(|from| from as i64 + 1)).collect();
                self.push(node, "Transpose", &inputs, &node.name, [ints("perm", order)])?;
            }
            Op::Reshape(Shape { c, h, w }) => {
                let shape = self.integers(node, "to", &[self.batch, c, h, w].map(|d| d as i64))?;
                self.push(node, "Reshape", &[inputs[0].clone(), shape], &node.name, [])?;
            }
            Op::Softmax { log } => {
                let name = if log { "LogSoftmax" } else { "Softmax" };
                self.push(node, name, &inputs, &node.name, [int("axis", 1)])?;
            }
        }
        self.flat.push(flat);
        Ok(())
    }

    /// Adds the input and the outputs, and returns the graph.
    pub fn finish(mut self) -> Result<Graph> {
        let network = self.network;
        self.graph.input = vec![self.info(&network.node(NodeId(0)).name, NodeId(0), false)];
        for (index, &id) in network.outputs().iter().enumerate() {
            let node = network.node(id);
            // In ONNX, outputs must be results of operators, and have different names.
            let taken = id == NodeId(0) || network.outputs()[..index].contains(&id);
            let own = std::slice::from_ref(&node.name);
            let one_pixel = node.shape.pixels() == 1;
            let name = match (taken, one_pixel && !self.flat[id.0]) {
                (true, true) => self.inner(node, &format!("output{index}"), "Flatten", own, [int("axis", 1)])?,
                (true, false) => self.inner(node, &format!("output{index}"), "Identity", own, [])?,
                (false, true) => self.flatten_in_place(id)?,
                (false, false) => node.name.clone(),
            };
            let info = self.info(&name, id, one_pixel);
            self.graph.output.push(info);
        }
        Ok(self.graph)
    }

    /// Flattens a node's value to a matrix. The matrix gets the node's name, and the maps get another one.
    fn flatten_in_place(&mut self, id: NodeId) -> Result<String> {
        let node = self.network.node(id);
        let maps = format!("{}.pixel", node.name);
        self.claim(node, &maps)?;
        for other in &mut self.graph.node {
            let names = other.input.iter_mut().chain(&mut other.output).chain(&mut other.name).filter(|name| **name == node.name);
            names.for_each(|name| name.clone_from(&maps));
        }
        let flatten = operator("Flatten", &[maps], &node.name, [int("axis", 1)]);
        self.graph.node.push(flatten);
        self.flat[id.0] = true;
        Ok(node.name.clone())
    }

    /// Writes a sum. If the second map has fewer channels, it is timm's `cat([a[:, :n] + b, a[:, n:]], dim=1)`.
    fn add(&mut self, node: &Node, inputs: &[String]) -> Result {
        let (c, n) = (node.shape.c as i64, self.network.node(node.inputs[1]).shape.c as i64);
        if n == c {
            return self.push(node, "Add", inputs, &node.name, []);
        }
        let bounds = [("zero", 0), ("split", n), ("end", c), ("axis", 1)];
        let [zero, split, end, axis] = bounds.map(|(suffix, value)| self.integers(node, suffix, &[value]));
        let (zero, split, end, axis) = (zero?, split?, end?, axis?);
        let head = [inputs[0].clone(), zero, split.clone(), axis.clone()];
        let head = self.inner(node, "head", "Slice", &head, [])?;
        let tail = self.inner(node, "tail", "Slice", &[inputs[0].clone(), split, end, axis], [])?;
        let sum = self.inner(node, "sum", "Add", &[head, inputs[1].clone()], [])?;
        self.push(node, "Concat", &[sum, tail], &node.name, [int("axis", 1)])
    }

    fn binary(&mut self, node: &Node, op: Arithmetic, mut inputs: Vec<String>) -> Result {
        if op == Arithmetic::Keep {
            let zero = self.scalar(node, "zero", 0.0)?;
            let chosen = self.inner(node, "chosen", "Greater", &[inputs[1].clone(), zero.clone()], [])?;
            return self.push(node, "Where", &[chosen, inputs[0].clone(), zero], &node.name, []);
        }
        if matches!(op, Arithmetic::SubFrom | Arithmetic::DivInto) {
            inputs.reverse();
        }
        let name = match op {
            Arithmetic::Add => "Add",
            Arithmetic::Sub | Arithmetic::SubFrom => "Sub",
            Arithmetic::Mul => "Mul",
            Arithmetic::Div | Arithmetic::DivInto => "Div",
            Arithmetic::Max => "Max",
            Arithmetic::Min => "Min",
            Arithmetic::Greater => "Greater",
            Arithmetic::Less => "Less",
            Arithmetic::AtLeast => "GreaterOrEqual",
            Arithmetic::AtMost => "LessOrEqual",
            Arithmetic::Keep => unreachable!("written above"),
        };
        if op.compares() {
            let result = self.inner(node, "compared", name, &inputs, [])?;
            return self.push(node, "Cast", &[result], &node.name, [int("to", proto::FLOAT.into())]);
        }
        self.push(node, name, &inputs, &node.name, [])
    }

    fn slice(&mut self, node: &Node, input: &str, begin: usize, len: usize) -> Result {
        let bounds = [("begin", begin), ("end", begin + len), ("axis", 1)];
        let [begin, end, axis] = bounds.map(|(suffix, value)| self.integers(node, suffix, &[value as i64]));
        self.push(node, "Slice", &[input.into(), begin?, end?, axis?], &node.name, [])
    }

    /// Writes average pooling. `AveragePool` counts all padding or none. If a part of it counts, those are zeros of `Pad`'s, and of
    /// the rest none counts.
    fn average(&mut self, node: &Node, input: &str, window: Window, counted: (Padding, Padding)) -> Result {
        let mut input = input.to_owned();
        let counts_all = counted == window.padding;
        let ((rows, columns), mut rest) = (counted, window);
        if !counts_all && counted != Padding::NONE {
            let sides = [0, 0, rows.before, columns.before, 0, 0, rows.after, columns.after].map(|size| size as i64);
            let sides = self.integers(node, "sides", &sides)?;
            input = self.inner(node, "padded", "Pad", &[input, sides], [])?;
            let less = |all: Padding, less: Padding| Padding { before: all.before - less.before, after: all.after - less.after };
            rest.padding = (less(window.padding.0, rows), less(window.padding.1, columns));
        }
        let attributes = window_attributes(rest).into_iter().chain([int("count_include_pad", i64::from(counts_all))]);
        self.push(node, "AveragePool", &[input], &node.name, attributes)
    }

    fn reduce(&mut self, node: &Node, input: &str, reduction: Reduction) -> Result {
        let input = input.to_owned();
        match reduction {
            Reduction::Mean => self.push(node, "GlobalAveragePool", &[input], &node.name, []),
            Reduction::Max => self.push(node, "GlobalMaxPool", &[input], &node.name, []),
            Reduction::Sum => {
                let axes = self.integers(node, "axes", &[2, 3])?;
                self.push(node, "ReduceSum", &[input, axes], &node.name, [])
            }
            Reduction::Min => self.push(node, "ReduceMin", &[input], &node.name, [ints("axes", vec![2, 3])]),
        }
    }

    fn rearrange(&mut self, node: &Node, input: &str, how: Rearrange) -> Result {
        let input = input.to_owned();
        let integer = |size: usize| size as i64;
        match how {
            Rearrange::Upsample { rows, columns } => {
                let scales = [1.0, 1.0, rows as f32, columns as f32];
                let name = format!("{}.scales", node.name);
                self.constant(node, &name, proto::FLOAT, vec![4], scales.iter().flat_map(|s| s.to_le_bytes()).collect())?;
                let mode = [("mode", "nearest"), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor")];
                let attributes = mode.map(|(name, value)| string(name, value));
                self.push(node, "Resize", &[input, String::new(), name], &node.name, attributes)
            }
            Rearrange::DepthToSpace { block, order } => {
                let mode = if order == DepthOrder::Dcr { "DCR" } else { "CRD" };
                let attributes = [int("blocksize", integer(block)), string("mode", mode)];
                self.push(node, "DepthToSpace", &[input], &node.name, attributes)
            }
            Rearrange::Pad { rows, columns } => {
                let sides = [0, 0, rows.before, columns.before, 0, 0, rows.after, columns.after].map(integer);
                let sides = self.integers(node, "sides", &sides)?;
                self.push(node, "Pad", &[input, sides], &node.name, [])
            }
            Rearrange::Crop { rows, columns } => {
                let begin = [rows.before, columns.before];
                let end = [rows.before + node.shape.h, columns.before + node.shape.w];
                let begin = self.integers(node, "begin", &begin.map(integer))?;
                let end = self.integers(node, "end", &end.map(integer))?;
                let axes = self.integers(node, "axes", &[2, 3])?;
                self.push(node, "Slice", &[input, begin, end, axes], &node.name, [])
            }
        }
    }

    /// Writes a product and a sum with a number, without those that change nothing.
    fn affine(&mut self, node: &Node, input: &str, scale: f32, shift: f32) -> Result {
        if (scale, shift) == (-1.0, 0.0) {
            return self.push(node, "Neg", &[input.into()], &node.name, []);
        }
        if scale == 1.0 {
            let shift = self.scalar(node, "shift", shift)?;
            return self.push(node, "Add", &[input.into(), shift], &node.name, []);
        }
        let scale = self.scalar(node, "scale", scale)?;
        if shift == 0.0 {
            return self.push(node, "Mul", &[input.into(), scale], &node.name, []);
        }
        let scaled = self.inner(node, "scaled", "Mul", &[input.into(), scale], [])?;
        let shift = self.scalar(node, "shift", shift)?;
        self.push(node, "Add", &[scaled, shift], &node.name, [])
    }

    /// Writes `x * (1 + tanh(root * (x + third * x^3))) / 2`, as PyTorch does.
    fn gelu_tanh(&mut self, node: &Node, input: &str) -> Result {
        let numbers = [("three", 3.0), ("third", 0.044_715), ("root", (2.0 / std::f64::consts::PI).sqrt() as f32)];
        let [three, third, root] = numbers.map(|(name, value)| self.scalar(node, name, value));
        let (one, half) = (self.scalar(node, "one", 1.0)?, self.scalar(node, "half", 0.5)?);
        let cube = self.inner(node, "cube", "Pow", &[input.into(), three?], [])?;
        let small = self.inner(node, "small", "Mul", &[cube, third?], [])?;
        let sum = self.inner(node, "sum", "Add", &[input.into(), small], [])?;
        let scaled = self.inner(node, "scaled", "Mul", &[sum, root?], [])?;
        let tanh = self.inner(node, "tanh", "Tanh", &[scaled], [])?;
        let share = self.inner(node, "share", "Add", &[tanh, one], [])?;
        let double = self.inner(node, "double", "Mul", &[input.into(), share], [])?;
        self.push(node, "Mul", &[double, half], &node.name, [])
    }

    fn shuffle(&mut self, node: &Node, input: &str, groups: usize) -> Result {
        let Shape { c, h, w } = node.shape;
        let split = self.integers(node, "split", &[self.batch, groups, c / groups, h, w].map(|d| d as i64))?;
        let joined = self.integers(node, "joined", &[self.batch, c, h, w].map(|d| d as i64))?;
        let groups = self.inner(node, "groups", "Reshape", &[input.into(), split], [])?;
        let turned = self.inner(node, "turned", "Transpose", &[groups], [ints("perm", vec![0, 2, 1, 3, 4])])?;
        self.push(node, "Reshape", &[turned, joined], &node.name, [])
    }

    /// The name of a node's value: as a matrix if `flat`, else as maps.
    fn value(&mut self, id: NodeId, flat: bool) -> Result<String> {
        let node = self.network.node(id);
        if self.flat[id.0] == flat {
            return Ok(node.name.clone());
        }
        if let Some(name) = self.turned.get(&id) {
            return Ok(name.clone());
        }
        let own = node.name.clone();
        let name = if flat {
            self.inner(node, "flat", "Flatten", &[own], [int("axis", 1)])?
        } else {
            let shape = self.integers(node, "shape", &[self.batch as i64, node.shape.c as i64, 1, 1])?;
            self.inner(node, "maps", "Reshape", &[own, shape], [])?
        };
        self.turned.insert(id, name.clone());
        Ok(name)
    }

    /// Writes a node's parameters as constants, under their own names.
    fn params(&mut self, id: NodeId) -> Result<Vec<String>> {
        let node = self.network.node(id);
        let mut names = Vec::new();
        for param in self.network.params_of(id) {
            let values = self.weights.get(&param.name).map_or(&[][..], |tensor| tensor.data());
            let dims = param.shape.iter().map(|&d| d as i64).collect();
            self.constant(node, &param.name, proto::FLOAT, dims, values.iter().flat_map(|v| v.to_le_bytes()).collect())?;
            names.push(param.name);
        }
        Ok(names)
    }

    fn scalar(&mut self, node: &Node, suffix: &str, value: f32) -> Result<String> {
        let name = format!("{}.{suffix}", node.name);
        self.constant(node, &name, proto::FLOAT, Vec::new(), value.to_le_bytes().into())?;
        Ok(name)
    }

    fn integers(&mut self, node: &Node, suffix: &str, values: &[i64]) -> Result<String> {
        let name = format!("{}.{suffix}", node.name);
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(node, &name, proto::INT64, vec![values.len() as i64], bytes)?;
        Ok(name)
    }

    fn constant(&mut self, node: &Node, name: &str, data_type: i32, dims: Vec<i64>, bytes: Vec<u8>) -> Result {
        self.claim(node, name)?;
        let tensor = proto::Tensor {
            dims,
            data_type: Some(data_type),
            name: Some(name.into()),
            raw_data: Some(bytes),
            ..Default::default()
        };
        self.graph.initializer.push(tensor);
        Ok(())
    }

    /// Writes an operator whose result is read by other operators of the same node only.
    fn inner<const N: usize>(
        &mut self,
        node: &Node,
        suffix: &str,
        op: &str,
        inputs: &[String],
        attributes: [Attribute; N],
    ) -> Result<String> {
        let name = format!("{}.{suffix}", node.name);
        self.push(node, op, inputs, &name, attributes)?;
        Ok(name)
    }

    fn push(
        &mut self,
        node: &Node,
        op: &str,
        inputs: &[String],
        output: &str,
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> Result {
        self.claim(node, output)?;
        self.graph.node.push(operator(op, inputs, output, attributes));
        Ok(())
    }

    fn claim(&mut self, node: &Node, name: &str) -> Result {
        if self.names.insert(name.into()) {
            return Ok(());
        }
        Err(ExportError::Name { node: node.name.clone(), name: name.into() })
    }

    fn info(&self, name: &str, id: NodeId, flat: bool) -> ValueInfo {
        let Shape { c, h, w } = self.network.node(id).shape;
        let dims = [self.batch, c, h, w];
        let dims = if flat { &dims[..2] } else { &dims[..] };
        let dim = dims.iter().map(|&d| Dimension { dim_value: Some(d as i64), dim_param: None }).collect();
        let tensor = TensorType { elem_type: Some(proto::FLOAT), shape: Some(TensorShape { dim }) };
        ValueInfo { name: Some(name.into()), r#type: Some(Type { tensor_type: Some(tensor) }) }
    }
}

fn operator(op: &str, inputs: &[String], output: &str, attributes: impl IntoIterator<Item = Attribute>) -> proto::Node {
    proto::Node {
        input: inputs.to_vec(),
        output: vec![output.into()],
        name: Some(output.into()),
        op_type: Some(op.into()),
        attribute: attributes.into_iter().collect(),
        domain: None,
    }
}

/// A window's attributes; the dilation only where taps are no neighbours, for that is the usual.
fn window_attributes(window: Window) -> Vec<Attribute> {
    let pair = |(a, b): (usize, usize)| vec![a as i64, b as i64];
    let (rows, columns) = window.padding;
    let pads = [rows.before, columns.before, rows.after, columns.after];
    let mut attributes = vec![
        ints("kernel_shape", pair(window.kernel)),
        ints("strides", pair(window.stride)),
        ints("pads", pads.map(|size| size as i64).to_vec()),
    ];
    if window.dilation != (1, 1) {
        attributes.push(ints("dilations", pair(window.dilation)));
    }
    attributes
}

fn ints(name: &str, values: Vec<i64>) -> Attribute {
    Attribute { name: Some(name.into()), ints: values, r#type: Some(Attribute::INTS), ..Attribute::default() }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: Some(name.into()), i: Some(value), r#type: Some(Attribute::INT), ..Attribute::default() }
}

fn string(name: &str, value: &str) -> Attribute {
    Attribute { name: Some(name.into()), s: Some(value.into()), r#type: Some(Attribute::STRING), ..Attribute::default() }
}

fn float(name: &str, value: f32) -> Attribute {
    Attribute { name: Some(name.into()), f: Some(value), r#type: Some(Attribute::FLOAT), ..Attribute::default() }
}
