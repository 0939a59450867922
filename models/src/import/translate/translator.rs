//! The network under construction, and what all operators need to add to it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::super::broadcast::{at, is_by_pixel, steps};
use super::super::constant::Constant;
use super::super::dims::{MOST, count};
use super::super::movement::movement;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{Arrangement, Factor, MapAxis, View, arrange};
use crate::graph::{Builder, Conv2d, NodeId, Op, Padding, Shape};
use crate::weights::{Tensor, Weights};

/// Adds the nodes of a file to a network.
pub struct Translator {
    /// The nodes so far.
    pub builder: Builder,
    /// Their parameters.
    pub weights: Weights,
    /// Names that are taken.
    pub names: HashSet<String>,
    /// The version of ONNX's operators.
    pub opset: i64,
    /// Images of the batch that the file declares. The network is that of one.
    pub batch: usize,
    /// The tensors that nodes read or the file returns.
    pub read: HashSet<String>,
    /// Elements of constants made so far.
    pub made: usize,
    /// Maps with a border below all numbers: the tensor without it, and its width in rows and columns. Only a max pool can read them. Their nodes have zeros there.
    pub lowest: HashMap<NodeId, (Computed, (Padding, Padding))>,
}

impl Translator {
    /// The shape of a node's map.
    pub fn shape(&self, node: NodeId) -> Shape {
        self.builder.shape(node)
    }

    /// Adds a node to the network. The name gets a number if it is taken.
    pub fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId> {
        let name = self.free_name(name);
        let id = self.builder.add(name.clone(), op, inputs).map_err(|e| format!("{} is {}: {}", e.attribute, e.value, e.help))?;
        self.names.insert(name);
        Ok(id)
    }

    /// Adds a node with parameters.
    pub fn add_with(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[NodeId],
        params: Vec<(&str, Vec<usize>, Vec<f32>)>,
    ) -> Result<NodeId> {
        let name = self.free_name(name);
        let id = self.add(&name, op, inputs)?;
        for (suffix, dims, values) in params {
            if dims.iter().product::<usize>() != values.len() {
                return Err(format!("{suffix} has {} elements, and must have dimensions {dims:?}", values.len()));
            }
            self.weights.insert(format!("{name}.{suffix}"), Tensor::new(dims, values));
        }
        Ok(id)
    }

    /// Adds a convolution whose weights are a function of the output channel, the input channel within the group, the row and the
    /// column of the window.
    pub fn filled(
        &mut self,
        name: &str,
        conv: Conv2d,
        input: NodeId,
        bias: Option<Vec<f32>>,
        weight: impl Fn([usize; 4]) -> f32,
    ) -> Result<NodeId> {
        let each = self.shape(input).c.checked_div(conv.groups).unwrap_or(0);
        let (h, w) = conv.window.kernel;
        let len = count(&[conv.oc, each, h, w])?;
        self.make(len)?;
        let weight = (0..len).map(|at| weight([at / (each * h * w), at / (h * w) % each, at / w % h, at % w])).collect();
        let mut params = vec![("weight", vec![conv.oc, each, h, w], weight)];
        params.extend(bias.map(|bias| ("bias", vec![conv.oc], bias)));
        self.add_with(name, Op::Conv2d(conv), &[input], params)
    }

    /// Counts elements that the file does not hold and that are made for it. There may be twice [`MOST`] of them.
    pub fn make(&mut self, elements: usize) -> Result<()> {
        self.made = self.made.saturating_add(elements);
        if self.made <= 2 * MOST {
            Ok(())
        } else {
            Err(format!("more than {} elements of constants are computed for it", 2 * MOST))
        }
    }

    pub fn free_name(&self, name: &str) -> String {
        let name = if name.is_empty() { "node" } else { name };
        if !self.names.contains(name) {
            return name.into();
        }
        (1..).map(|i| format!("{name}.{i}")).find(|name| !self.names.contains(name)).unwrap_or_default()
    }

    /// Takes all nodes but the first `len` away again, with their names and parameters.
    pub fn truncate(&mut self, len: usize) {
        for node in self.builder.truncate(len) {
            self.names.remove(&node.name);
            self.weights.remove_of(&node.name);
        }
        self.lowest.retain(|id, _| id.0 < len);
    }

    /// Adds `scale[c] * x + shift[c]` for each channel.
    pub fn affine(&mut self, name: &str, input: NodeId, scale: Vec<f32>, shift: Vec<f32>) -> Result<NodeId> {
        let c = self.shape(input).c;
        let params = vec![
            ("weight", vec![c], scale),
            ("bias", vec![c], shift),
            ("running_mean", vec![c], vec![0.0; c]),
            ("running_var", vec![c], vec![1.0; c]),
        ];
        self.add_with(name, Op::BatchNorm { eps: f64::MIN_POSITIVE }, &[input], params)
    }

    /// A node whose channels, rows and columns are these factors of a computed tensor.
    pub fn arranged(&mut self, name: &str, input: &Computed, groups: &[Vec<Factor>; 3]) -> Result<NodeId> {
        match arrange(self.shape(input.node), groups) {
            Arrangement::Same => Ok(input.node),
            Arrangement::Shuffle { groups } => {
                self.add(&format!("{name}.shuffled"), Op::ChannelShuffle { groups }, &[input.node])
            }
            Arrangement::Transpose(axes) => self.transposed(&format!("{name}.transposed"), input.node, axes),
            Arrangement::DepthToSpace { block, blocks_first } => {
                self.depth_to_space(&format!("{name}.spread"), input.node, block, blocks_first)
            }
            Arrangement::SpaceToDepth { block, blocks_first } => {
                self.space_to_depth(&format!("{name}.gathered"), input.node, block, blocks_first)
            }
            Arrangement::Other => {
                let [c, h, w] = groups.each_ref().map(|group| group.iter().map(|factor| factor.size).product());
                self.moved(name, input, &groups.concat(), Shape { c, h, w })
            }
        }
    }

    /// The tensor as the network returns it: in order if it can be, else as it lies in its map.
    pub fn output(&mut self, name: &str, value: &Computed) -> Computed {
        let usual = self.in_usual_order(name, value);
        usual.or_else(|_| self.ordered(name, value)).unwrap_or_else(|_| value.clone())
    }

    /// The tensor as a map whose view is the usual one.
    pub fn in_usual_order(&mut self, name: &str, input: &Computed) -> Result<Computed> {
        let node = self.image(name, input)?;
        Ok(Computed { node, view: View::usual(self.shape(node), input.view.rank()) })
    }

    pub fn transposed(&mut self, name: &str, input: NodeId, order: [usize; 3]) -> Result<NodeId> {
        self.add(name, Op::Transpose(order), &[input])
    }

    pub fn reshaped(&mut self, name: &str, input: NodeId, shape: Shape) -> Result<NodeId> {
        self.add(name, Op::Reshape(shape), &[input])
    }

    /// The tensor as a map whose elements, row by row, are in the tensor's order.
    pub fn ordered(&mut self, name: &str, input: &Computed) -> Result<Computed> {
        let Some(order) = input.view.order(self.shape(input.node)) else {
            return self.in_rows(name, input, &input.view.sizes());
        };
        if order == [0, 1, 2] {
            return Ok(input.clone());
        }
        let node = self.transposed(name, input.node, order)?;
        Ok(Computed { node, view: input.view.relabelled(order) })
    }

    /// A map that holds a tensor's elements in the order of some factors.
    fn moved(&mut self, name: &str, input: &Computed, factors: &[Factor], to: Shape) -> Result<NodeId> {
        let (from, dims) = (self.shape(input.node), input.view.sizes());
        let ops = movement(from, factors, to).ok_or_else(|| {
            format!("a tensor of dimensions {dims:?} is a part of a map of {from}, and moving it is not supported")
        })?;
        ops.into_iter().try_fold(input.node, |last, op| self.add(&format!("{name}.moved"), op, &[last]))
    }

    /// The tensor with other dimensions, of the same elements in the same order, as a map in which they lie row by row.
    pub fn in_rows(&mut self, name: &str, input: &Computed, dims: &[usize]) -> Result<Computed> {
        let long: Vec<usize> = dims.iter().copied().filter(|&dim| dim > 1).collect();
        let to = match long[..] {
            [] => Shape::new(1, 1, 1),
            [c] => Shape::new(c, 1, 1),
            [c, w] => Shape::new(c, 1, w),
            [ref c @ .., h, w] => Shape::new(c.iter().product(), h, w),
        };
        let node = self.moved(name, input, &input.view.merged(0..input.view.rank()), to)?;
        let view = View::of_axes(to, &MapAxis::ALL.map(Some)).reshaped(dims);
        Ok(Computed { node, view: view.ok_or("its dimensions do not fit")? })
    }

    /// A node whose map is a tensor `[1, c]`, `[1, c, w]` or `[1, c, h, w]`.
    pub fn image(&mut self, name: &str, input: &Computed) -> Result<NodeId> {
        let view = &input.view;
        if view.rank() > 0 && !view.dim(0).is_empty() {
            return Err(format!("its input has dimensions {:?}, and the first must be 1: the batch", view.sizes()));
        }
        let dim = |i: usize| view.dim(i).to_vec();
        let groups = match view.rank() {
            2 => [dim(1), Vec::new(), Vec::new()],
            3 => [dim(1), Vec::new(), dim(2)],
            4 => [dim(1), dim(2), dim(3)],
            rank => return Err(format!("its input has {rank} dimensions, and 2 to 4 are supported")),
        };
        self.arranged(name, input, &groups)
    }

    /// The value of a node whose map is a tensor of this rank in the usual view.
    pub fn usual(&self, node: NodeId, rank: usize) -> Vec<Value> {
        vec![Value::Computed(Computed { node, view: View::usual(self.shape(node), rank) })]
    }
}

/// The first input, which the network computes.
pub fn computed<'a>(node: &'a NodeReader<'_>) -> Result<&'a Computed> {
    match node.input(0) {
        Value::Computed(computed) => Ok(computed),
        Value::Constant(_) => Err("its first input is constant, and must be computed by the network".into()),
        Value::Condition(_) => Err("its first input is a comparison, which only Not, And, Or, Xor, Where and Cast read".into()),
        Value::Absent | Value::Refused => Err("its first input is missing".into()),
    }
}

/// The values of a constant for each channel of a map, if they are the same for all its pixels. `rank` dimensions of the view, from
/// the last, meet those of the constant.
pub fn by_channel(view: &View, shape: Shape, constant: &Constant) -> Result<Vec<f32>> {
    let values = constant.expect_floats("a constant")?;
    let steps = steps(view, constant)?;
    if is_by_pixel(view, &steps) {
        return Err(format!("a constant of dimensions {:?} has values of its own for each pixel", constant.dims));
    }
    Ok((0..shape.c).map(|c| values[at(view, &steps, [c, 0, 0])]).collect())
}

/// A shared constant.
pub type Shared = Rc<Constant>;
