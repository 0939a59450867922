//! A network with PyTorch's operators, node by node.

use sartor_models::{
    Activation, Arithmetic, DepthOrder, Network, NodeId, Op, Padding, Rearrange, Reduction, Shape, Weights, Window,
};
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
    (around(src, (rows, columns), value), [0, 0])
}

/// The same for pooling, of which PyTorch pads at most half the window.
fn pooled(src: &Tensor, kernel: (usize, usize), padding: (Padding, Padding), value: f64) -> (Tensor, [i64; 2]) {
    if padding.0.before <= kernel.0 / 2 && padding.1.before <= kernel.1 / 2 {
        return padded(src, padding, value);
    }
    (around(src, padding, value), [0, 0])
}

fn around(src: &Tensor, (rows, columns): (Padding, Padding), value: f64) -> Tensor {
    let sides = [columns.before, columns.after, rows.before, rows.after].map(|size| size as i64);
    src.pad(sides, "constant", value)
}

/// Average pooling, which has no dilation. Where PyTorch cannot count a part of the padding, sums of the map are divided by sums of ones.
fn average(src: &Tensor, Window { kernel, stride, padding, .. }: Window, counted: (Padding, Padding)) -> Tensor {
    let pool = |src: &Tensor, padding, counts: bool, divisor: Option<i64>| {
        src.avg_pool2d(pair(kernel), pair(stride), padding, false, counts, divisor)
    };
    let (mapped, symmetric) = pooled(src, kernel, padding, 0.0);
    if counted == padding {
        return pool(&mapped, symmetric, true, None);
    }
    if counted == Padding::NONE && mapped.size() == src.size() {
        return pool(src, symmetric, false, None);
    }
    let less = |all: Padding, less: Padding| Padding { before: all.before - less.before, after: all.after - less.after };
    let rest = (less(padding.0, counted.0), less(padding.1, counted.1));
    let ones = around(&around(&src.ones_like(), counted, 1.0), rest, 0.0);
    pool(&around(src, padding, 0.0), [0, 0], true, Some(1)) / pool(&ones, [0, 0], true, Some(1))
}

/// Applies an operator; convolution and linear layers also without their bias if `params` holds the weight alone.
pub(crate) fn apply(op: &Op, params: &[Tensor], inputs: &[Tensor]) -> Tensor {
    // Constants have one image, whatever the batch.
    let images = inputs.iter().map(|input| input.size()[0]).max().unwrap_or(1);
    let inputs: Vec<Tensor> = inputs.iter().map(|input| input.expand([images, -1, -1, -1], false)).collect();
    match *op {
        Op::Input => unreachable!("an input has a value already"),
        Op::Constant(_) => params.first().map_or_else(|| Tensor::from(0.0), |value| value.unsqueeze(0)),
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
            let (src, padding) = pooled(&inputs[0], kernel, padding, f64::NEG_INFINITY);
            src.max_pool2d(pair(kernel), pair(stride), padding, pair(dilation), false)
        }
        Op::AvgPool { window, counted } => average(&inputs[0], window, counted),
        Op::Rearrange(how) => rearranged(&inputs[0], how),
        Op::Reduce(Reduction::Mean) => inputs[0].adaptive_avg_pool2d([1, 1]),
        Op::Reduce(Reduction::Sum) => inputs[0].sum_dim_intlist([2, 3].as_slice(), true, inputs[0].kind()),
        Op::Reduce(Reduction::Max) => inputs[0].amax([2, 3], true),
        Op::Reduce(Reduction::Min) => inputs[0].amin([2, 3], true),
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
                Arithmetic::Greater => a.gt_tensor(b).to_kind(a.kind()),
                Arithmetic::Less => a.lt_tensor(b).to_kind(a.kind()),
                Arithmetic::AtLeast => a.ge_tensor(b).to_kind(a.kind()),
                Arithmetic::AtMost => a.le_tensor(b).to_kind(a.kind()),
                Arithmetic::Keep => a.where_self(&b.gt(0.0), &a.zeros_like()),
            }
        }
        Op::Concat => Tensor::cat(&inputs, 1),
        Op::ChannelShuffle { groups } => inputs[0].channel_shuffle(groups as i64),
        Op::Slice { begin, len } => inputs[0].narrow(1, begin as i64, len as i64),
        Op::Transpose([c, h, w]) => inputs[0].permute([0, 1 + c as i64, 1 + h as i64, 1 + w as i64]).contiguous(),
        Op::Reshape(Shape { c, h, w }) => inputs[0].reshape([inputs[0].size()[0], c as i64, h as i64, w as i64]),
        Op::Softmax { log: true } => inputs[0].log_softmax(1, inputs[0].kind()),
        Op::Softmax { log: false } => inputs[0].softmax(1, inputs[0].kind()),
    }
}

/// PyTorch's calls of an operator that moves pixels.
fn rearranged(src: &Tensor, how: Rearrange) -> Tensor {
    let integer = |size: usize| size as i64;
    match how {
        Rearrange::Upsample { rows, columns } => src
            .repeat_interleave_self_int(integer(rows), 2, None::<i64>)
            .repeat_interleave_self_int(integer(columns), 3, None::<i64>),
        Rearrange::DepthToSpace { block, order: DepthOrder::Crd } => src.pixel_shuffle(integer(block)),
        Rearrange::DepthToSpace { block, order: DepthOrder::Dcr } => {
            let (size, block) = (src.size(), integer(block));
            let c = size[1] / (block * block);
            let blocks = src.reshape([size[0], block, block, c, size[2], size[3]]).permute([0, 3, 4, 1, 5, 2]);
            blocks.reshape([size[0], c, size[2] * block, size[3] * block])
        }
        Rearrange::Pad { rows, columns } => around(src, (rows, columns), 0.0),
        Rearrange::Crop { rows, columns } => {
            let size = src.size();
            let kept = |axis: usize, Padding { before, after }| size[axis] - integer(before + after);
            src.narrow(2, integer(rows.before), kept(2, rows)).narrow(3, integer(columns.before), kept(3, columns))
        }
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
        Activation::Clip(low, high) => x.clamp(f64::from(low.value()), f64::from(high.value())),
        Activation::HardSigmoid(alpha, beta) => (x * f64::from(alpha.value()) + f64::from(beta.value())).clamp(0, 1),
        Activation::Affine(scale, shift) => x * f64::from(scale.value()) + f64::from(shift.value()),
        Activation::Abs => x.abs(),
        Activation::Tanh => x.tanh(),
        Activation::Erf => x.erf(),
        // The binding's calls of these three take no parameters.
        Activation::Elu(alpha) if alpha.value() == 1.0 => x.elu(),
        Activation::Elu(alpha) => x.clamp_min(0) + x.clamp_max(0).expm1() * f64::from(alpha.value()),
        // PyTorch's own numbers have more digits than an f32.
        Activation::Selu(alpha, gamma) => {
            (x.clamp_min(0) + x.clamp_max(0).expm1() * f64::from(alpha.value())) * f64::from(gamma.value())
        }
        Activation::Celu(alpha) => {
            let alpha = f64::from(alpha.value());
            x.clamp_min(0) + (x.clamp_max(0) / alpha).expm1() * alpha
        }
        Activation::Swish(beta) => x * (x * f64::from(beta.value())).sigmoid(),
        Activation::GeluTanh => x.gelu("tanh"),
        Activation::Mish => x.mish(),
        Activation::Softplus => x.softplus(),
        Activation::Softsign => x / (x.abs() + 1.0),
        Activation::Exp => x.exp(),
        Activation::Log => x.log(),
        Activation::Square => x.square(),
        Activation::Cube => x.pow_tensor_scalar(3),
        Activation::Threshold(limit) => x.threshold(f64::from(limit.value()), 0.0),
        Activation::Power(exponent) => x.pow_tensor_scalar(f64::from(exponent.value())),
        Activation::Sqrt => x.sqrt(),
        Activation::InverseSqrt => x.rsqrt(),
        Activation::Reciprocal => x.reciprocal(),
        Activation::LeakyRelu(slope) => x.prelu(&Tensor::from(slope.value()).to_kind(x.kind())),
    }
}
