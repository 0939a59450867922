//! A network with PyTorch's operators, node by node.

use sartor_models::{Activation, Arithmetic, Network, NodeId, Op, Padding, Shape, Weights, Window};
use tch::{Kind, Tensor};

/// The parameters of every node as PyTorch tensors, in the order of [`Network::params_of`].
pub struct Torch<'a> {
    /// The network.
    pub network: &'a Network,
    params: Vec<Vec<Tensor>>,
}

impl<'a> Torch<'a> {
    /// Converts a network's weights to PyTorch tensors.
    ///
    /// # Panics
    /// If a tensor is missing or ill-shaped.
    pub fn new(network: &'a Network, weights: &Weights) -> Self {
        Self::of(network, weights, |_| true)
    }

    /// The same with the parameters of one node only.
    pub(crate) fn of_node(network: &'a Network, id: NodeId, weights: &Weights) -> Self {
        Self::of(network, weights, |other| other == id)
    }

    fn of(network: &'a Network, weights: &Weights, wanted: impl Fn(NodeId) -> bool) -> Self {
        tch::set_num_threads(1);
        let tensor = |param: &sartor_models::Param| {
            let tensor = weights.get(&param.name).unwrap_or_else(|| panic!("{} is missing", param.name));
            assert_eq!(tensor.shape(), param.shape, "{}", param.name);
            Tensor::from_slice(tensor.data()).reshape(param.shape.iter().map(|&d| d as i64).collect::<Vec<_>>())
        };
        let params = ids(network)
            .map(|id| if wanted(id) { network.params_of(id).iter().map(tensor).collect() } else { Vec::new() })
            .collect();
        Self { network, params }
    }

    /// The parameters of a node.
    pub fn params(&self, id: NodeId) -> &[Tensor] {
        &self.params[id.0]
    }

    /// The value of one node from its inputs' values, in the precision `kind`.
    pub fn node(&self, id: NodeId, inputs: &[&Tensor], kind: Kind) -> Tensor {
        let params: Vec<Tensor> = self.params(id).iter().map(|p| p.to_kind(kind)).collect();
        let inputs: Vec<Tensor> = inputs.iter().map(|x| x.to_kind(kind)).collect();
        tch::no_grad(|| apply(&self.network.node(id).op, &params, &inputs))
    }

    /// The values of all nodes for a batch of inputs, `[n, c, h, w]` each.
    pub fn run(&self, input: &Tensor, kind: Kind) -> Vec<Tensor> {
        let mut values = vec![input.to_kind(kind)];
        for id in ids(self.network).skip(1) {
            let inputs: Vec<&Tensor> = self.network.node(id).inputs.iter().map(|i| &values[i.0]).collect();
            let value = self.node(id, &inputs, kind);
            values.push(value);
        }
        values
    }
}

/// All node ids of a network in order.
pub fn ids(network: &Network) -> impl Iterator<Item = NodeId> {
    (0..network.nodes().len()).map(NodeId)
}

/// A batch of maps in PyTorch's order as a tensor.
///
/// # Panics
/// If the shape does not hold the values.
pub fn tensor(values: &[f32], batch: usize, shape: sartor_models::Shape) -> Tensor {
    Tensor::from_slice(values).reshape([batch, shape.c, shape.h, shape.w].map(|d| d as i64))
}

/// A tensor's values as f32, in PyTorch's order.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.to_kind(Kind::Float).flatten(0, -1)).expect("a flat f32 tensor")
}

pub(crate) fn pair((a, b): (usize, usize)) -> [i64; 2] {
    [a as i64, b as i64]
}

/// The maps and the padding for PyTorch, which takes one size for both sides of an axis. Where the sides differ, the maps are padded with
/// `value` beforehand, and the padding is zero.
fn padded(src: &Tensor, (rows, columns): (Padding, Padding), value: f64) -> (Tensor, [i64; 2]) {
    if rows.before == rows.after && columns.before == columns.after {
        return (src.shallow_clone(), pair((rows.before, columns.before)));
    }
    let sides = [columns.before, columns.after, rows.before, rows.after].map(|size| size as i64);
    (src.pad(sides, "constant", value), [0, 0])
}

/// Applies an operator; convolution and linear layers also without their bias if `params` holds the weight alone.
pub(crate) fn apply(op: &Op, params: &[Tensor], inputs: &[Tensor]) -> Tensor {
    match *op {
        Op::Input => unreachable!("an input has a value already"),
        Op::Conv2d(conv) => {
            let Window { stride, dilation, padding, .. } = conv.window;
            let (src, padding) = padded(&inputs[0], padding, 0.0);
            let groups = i64::try_from(conv.groups).expect("groups");
            src.conv2d(&params[0], params.get(1), pair(stride), padding, pair(dilation), groups)
        }
        Op::BatchNorm { eps } => {
            let [weight, bias, mean, var] = params else { unreachable!("batch norm has four parameters") };
            inputs[0].batch_norm(Some(weight), Some(bias), Some(mean), Some(var), false, 0.0, eps, false)
        }
        Op::Activation(act) => activation(act, &inputs[0]),
        Op::MaxPool(Window { kernel, stride, dilation, padding }) => {
            let (src, padding) = padded(&inputs[0], padding, f64::NEG_INFINITY);
            src.max_pool2d(pair(kernel), pair(stride), padding, pair(dilation), false)
        }
        // Average pooling has no dilation.
        Op::AvgPool(Window { kernel, stride, padding, .. }) => {
            let (src, padding) = padded(&inputs[0], padding, 0.0);
            src.avg_pool2d(pair(kernel), pair(stride), padding, false, true, None::<i64>)
        }
        Op::GlobalAvgPool => inputs[0].adaptive_avg_pool2d([1, 1]),
        Op::Linear { .. } => inputs[0].flatten(1, -1).linear(&params[0], params.get(1)).unsqueeze(-1).unsqueeze(-1),
        Op::Add => {
            let sum = inputs[0].copy();
            let mut first = sum.narrow(1, 0, inputs[1].size()[1]);
            let _ = first.g_add_(&inputs[1]);
            sum
        }
        Op::Binary(op) => {
            let (a, b) = (&inputs[0], &inputs[1]);
            match op {
                Arithmetic::Add => a + b,
                Arithmetic::Sub => a - b,
                Arithmetic::SubFrom => b - a,
                Arithmetic::Mul => a * b,
                Arithmetic::Div => a / b,
                Arithmetic::DivInto => b / a,
                Arithmetic::Max => a.maximum(b),
                Arithmetic::Min => a.minimum(b),
            }
        }
        Op::Concat => Tensor::cat(inputs, 1),
        Op::ChannelShuffle { groups } => inputs[0].channel_shuffle(groups as i64),
        Op::Slice { begin, len } => inputs[0].narrow(1, begin as i64, len as i64),
        Op::Transpose([c, h, w]) => inputs[0].permute([0, 1 + c as i64, 1 + h as i64, 1 + w as i64]).contiguous(),
        Op::Reshape(Shape { c, h, w }) => inputs[0].reshape([inputs[0].size()[0], c as i64, h as i64, w as i64]),
        Op::Softmax { log: true } => inputs[0].log_softmax(1, inputs[0].kind()),
        Op::Softmax { log: false } => inputs[0].softmax(1, inputs[0].kind()),
    }
}

/// PyTorch's call of an activation.
fn activation(act: Activation, x: &Tensor) -> Tensor {
    match act {
        Activation::Relu => x.relu(),
        Activation::Relu6 => x.clamp(0, 6),
        Activation::Silu => x.silu(),
        Activation::Sigmoid => x.sigmoid(),
        Activation::HardSwish => x.hardswish(),
        Activation::Gelu => x.gelu("none"),
        Activation::LeakyRelu(slope) => x.prelu(&Tensor::from(slope.value()).to_kind(x.kind())),
    }
}
