//! Writes each operator of the graph as ONNX's operators.

use std::collections::{HashMap, HashSet};

use super::error::ExportError;
use super::proto::{self, Attribute, Dimension, Graph, TensorShape, TensorType, Type, ValueInfo};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Network, Node, NodeId, Op, Shape, Window};
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
            Op::Activation(Activation::Silu) => {
                let sigmoid = self.inner(node, "sigmoid", "Sigmoid", &inputs, [])?;
                self.push(node, "Mul", &[inputs[0].clone(), sigmoid], &node.name, [])?;
            }
            Op::MaxPool(pool) => self.push(node, "MaxPool", &inputs, &node.name, window_attributes(pool))?,
            Op::AvgPool(pool) => {
                let attributes = window_attributes(pool).into_iter().chain([int("count_include_pad", 1)]);
                self.push(node, "AveragePool", &inputs, &node.name, attributes)?;
            }
            Op::GlobalAvgPool => self.push(node, "GlobalAveragePool", &inputs, &node.name, [])?,
            Op::Linear { .. } => self.push(node, "Gemm", &with_params(), &node.name, [int("transB", 1)])?,
            Op::Add => self.add(node, &inputs)?,
            Op::Binary(op) => self.binary(node, op, inputs)?,
            Op::Concat => self.push(node, "Concat", &inputs, &node.name, [int("axis", 1)])?,
            Op::ChannelShuffle { groups } => self.shuffle(node, &inputs[0], groups)?,
            Op::Slice { begin, len } => self.slice(node, &inputs[0], begin, len)?,
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
        };
        self.push(node, name, &inputs, &node.name, [])
    }

    fn slice(&mut self, node: &Node, input: &str, begin: usize, len: usize) -> Result {
        let bounds = [("begin", begin), ("end", begin + len), ("axis", 1)];
        let [begin, end, axis] = bounds.map(|(suffix, value)| self.integers(node, suffix, &[value as i64]));
        self.push(node, "Slice", &[input.into(), begin?, end?, axis?], &node.name, [])
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
        let tensor = proto::Tensor { dims, data_type: Some(data_type), name: Some(name.into()), raw_data: Some(bytes) };
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
        let dim = dims.iter().map(|&d| Dimension { dim_value: Some(d as i64) }).collect();
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

fn float(name: &str, value: f32) -> Attribute {
    Attribute { name: Some(name.into()), f: Some(value), r#type: Some(Attribute::FLOAT), ..Attribute::default() }
}
