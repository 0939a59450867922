//! Evaluates ONNX graphs in f64, as ONNX defines them: the meaning that an exported file has for other engines.

use std::collections::HashMap;

use sartor::kernels::reference;
use sartor::kernels::shape::{Conv, DepthOrder, Maps, Padding, Rearrange, Reduction, Window};
use sartor::models::proto::{FLOAT, Graph, INT64, Node, Tensor};

/// Dimensions and elements.
pub type Value = (Vec<usize>, Vec<f64>);

/// The values of the graph's outputs.
pub fn evaluate(graph: &Graph, input: Value) -> Vec<Value> {
    let mut values = HashMap::from([(graph.input[0].name().to_owned(), input)]);
    // An input that is left out.
    values.insert(String::new(), (vec![0], Vec::new()));
    for tensor in &graph.initializer {
        assert!(values.insert(tensor.name().to_owned(), constant(tensor)).is_none(), "'{}' is there twice", tensor.name());
    }
    for node in &graph.node {
        let inputs: Vec<&Value> = node.input.iter().map(|name| values.get(name).expect("inputs come first")).collect();
        let value = apply(node, &inputs);
        assert_eq!(value.0.iter().product::<usize>(), value.1.len(), "{}", node.name());
        assert!(values.insert(node.output[0].clone(), value).is_none(), "'{}' is there twice", node.output[0]);
    }
    let output = |info: &sartor::models::proto::ValueInfo| {
        let value = values[info.name()].clone();
        let shape = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).and_then(|t| t.shape.as_ref()).expect("a shape");
        let declared: Vec<usize> = shape.dim.iter().map(|d| d.dim_value() as usize).collect();
        assert_eq!(value.0, declared, "'{}' is declared otherwise", info.name());
        value
    };
    graph.output.iter().map(output).collect()
}

fn constant(tensor: &Tensor) -> Value {
    let bytes = tensor.raw_data();
    let data = match tensor.data_type() {
        FLOAT => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
        INT64 => bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
        other => panic!("'{}' has type {other}", tensor.name()),
    };
    (tensor.dims.iter().map(|&d| d as usize).collect(), data)
}

fn apply(node: &Node, inputs: &[&Value]) -> Value {
    let (dims, x) = inputs[0];
    let maps = || Maps::new(dims[0], dims[1], dims[2], dims[3]);
    let singles = |i: usize| reference::round(&inputs[i].1);
    let attribute = |name: &str| node.attribute.iter().find(|a| a.name() == name);
    let ints = |name: &str| attribute(name).map_or(Vec::new(), |a| a.ints.iter().map(|&i| i as usize).collect());
    let int = |name: &str, default: i64| attribute(name).map_or(default, |a| a.i());
    let each = |f: &dyn Fn(f64) -> f64| (dims.clone(), x.iter().map(|&x| f(x)).collect());
    let window = || {
        let (kernel, stride, pads) = (ints("kernel_shape"), ints("strides"), ints("pads"));
        let padding = |axis: usize| Padding { before: pads[axis], after: pads[axis + 2] };
        let dilation = match ints("dilations")[..] {
            [h, w] => (h, w),
            _ => (1, 1),
        };
        Window { kernel: (kernel[0], kernel[1]), stride: (stride[0], stride[1]), dilation, padding: (padding(0), padding(1)) }
    };
    let out = |size: usize, kernel: usize, stride: usize, dilation: usize, padding: Padding| {
        (padding.before + size + padding.after - (kernel - 1) * dilation - 1) / stride + 1
    };
    let swept = |c: usize| {
        let w = window();
        let rows = out(dims[2], w.kernel.0, w.stride.0, w.dilation.0, w.padding.0);
        vec![dims[0], c, rows, out(dims[3], w.kernel.1, w.stride.1, w.dilation.1, w.padding.1)]
    };
    let text = |name: &str| String::from_utf8(attribute(name).expect("an attribute").s().to_vec()).expect("text");
    let rearranged = |how: Rearrange| {
        let (c, h, w) = how.output((dims[1], dims[2], dims[3])).expect("sizes that fit");
        (vec![dims[0], c, h, w], reference::rearrange(x, maps(), how))
    };
    let reduced = |reduction| (vec![dims[0], dims[1], 1, 1], reference::reduce(x, maps(), reduction));
    match node.op_type() {
        "Conv" => {
            let (weight, bias) = (singles(1), (inputs.len() > 2).then(|| singles(2)));
            let conv = Conv { oc: inputs[1].0[0], window: window(), groups: int("group", 1) as usize };
            (swept(conv.oc), reference::conv2d(x, maps(), &weight, bias.as_deref(), &conv))
        }
        "BatchNormalization" => {
            let eps = f64::from(attribute("epsilon").expect("epsilon").f());
            let [scale, shift, mean, var] = [1, 2, 3, 4].map(|i| &inputs[i].1);
            let (c, pixels) = (dims[1], dims[2] * dims[3]);
            let norm = |(i, &x): (usize, &f64)| {
                let c = i / pixels % c;
                (x - mean[c]) / (var[c] + eps).sqrt() * scale[c] + shift[c]
            };
            (dims.clone(), x.iter().enumerate().map(norm).collect())
        }
        "Relu" => each(&|x| x.max(0.0)),
        "Clip" => (dims.clone(), x.iter().map(|x| x.clamp(inputs[1].1[0], inputs[2].1[0])).collect()),
        "Sigmoid" => each(&|x| 1.0 / (1.0 + (-x).exp())),
        "HardSwish" => each(&|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "LeakyRelu" => {
            let alpha = f64::from(attribute("alpha").map_or(0.01, |alpha| alpha.f()));
            (dims.clone(), x.iter().map(|&x| if x < 0.0 { alpha * x } else { x }).collect())
        }
        "HardSigmoid" => {
            let [alpha, beta] = ["alpha", "beta"].map(|name| f64::from(attribute(name).expect(name).f()));
            each(&|x| (alpha * x + beta).clamp(0.0, 1.0))
        }
        "ThresholdedRelu" => {
            let alpha = f64::from(attribute("alpha").map_or(1.0, |alpha| alpha.f()));
            each(&|x| if x > alpha { x } else { 0.0 })
        }
        "Elu" | "Celu" | "Selu" => {
            let float = |name, usual| attribute(name).map_or(usual, |attribute| f64::from(attribute.f()));
            let (alpha, gamma) = (float("alpha", 1.0), float("gamma", 1.0));
            let inner = if node.op_type() == "Celu" { alpha } else { 1.0 };
            each(&|x| gamma * if x < 0.0 { alpha * ((x / inner).exp() - 1.0) } else { x })
        }
        "Abs" => each(&f64::abs),
        "Neg" => each(&|x| -x),
        "Tanh" => each(&f64::tanh),
        "Exp" => each(&f64::exp),
        "Log" => each(&f64::ln),
        "Sqrt" => each(&f64::sqrt),
        "Reciprocal" => each(&|x| 1.0 / x),
        "Softplus" => each(&|x| (1.0 + x.exp()).ln()),
        "Softsign" => each(&|x| x / (1.0 + x.abs())),
        "Erf" => each(&erf),
        "Identity" => each(&|x| x),
        "MaxPool" => (swept(dims[1]), reference::max_pool(x, maps(), &window())),
        "AveragePool" => {
            let counted = if int("count_include_pad", 0) == 1 { window().padding } else { Padding::NONE };
            (swept(dims[1]), reference::avg_pool(x, maps(), &window(), counted))
        }
        "GlobalAveragePool" => reduced(Reduction::Mean),
        "GlobalMaxPool" => reduced(Reduction::Max),
        "ReduceSum" => {
            assert_eq!(inputs[1].1, [2.0, 3.0]);
            reduced(Reduction::Sum)
        }
        "ReduceMin" => {
            assert_eq!(ints("axes"), [2, 3]);
            reduced(Reduction::Min)
        }
        "Pad" => pad(inputs[0], &inputs[1].1),
        "Resize" => {
            let modes = ["mode", "coordinate_transformation_mode", "nearest_mode"].map(text);
            assert_eq!(modes, ["nearest", "asymmetric", "floor"]);
            let [1, 1, rows, columns] = [0, 1, 2, 3].map(|axis| inputs[2].1[axis] as usize) else { panic!("only maps grow") };
            rearranged(Rearrange::Upsample { rows, columns })
        }
        "DepthToSpace" => {
            let order = if text("mode") == "DCR" { DepthOrder::Dcr } else { DepthOrder::Crd };
            rearranged(Rearrange::DepthToSpace { block: int("blocksize", 0) as usize, order })
        }
        "Slice" if inputs[3].1 == [2.0, 3.0] => {
            let sides = |axis: usize| [-inputs[1].1[axis], inputs[2].1[axis] - dims[axis + 2] as f64];
            let ([top, bottom], [left, right]) = (sides(0), sides(1));
            pad(inputs[0], &[0.0, 0.0, top, left, 0.0, 0.0, bottom, right])
        }
        "Flatten" => (vec![dims[0], dims[1..].iter().product()], x.clone()),
        "Gemm" => {
            assert_eq!(int("transB", 0), 1);
            let (oc, bias) = (inputs[1].0[0], (inputs.len() > 2).then(|| singles(2)));
            (vec![dims[0], oc], reference::linear(x, dims[1], &singles(1), bias.as_deref(), oc))
        }
        name @ ("LogSoftmax" | "Softmax") => {
            let maps = Maps::new(dims[0], dims[1], dims[2..].iter().product(), 1);
            (dims.clone(), reference::softmax(x, maps, name == "LogSoftmax"))
        }
        "Cast" => {
            assert_eq!(int("to", 0), 1);
            each(&|x| x)
        }
        "Greater" => broadcast(inputs, |a, b| f64::from(u8::from(a > b))),
        "Less" => broadcast(inputs, |a, b| f64::from(u8::from(a < b))),
        "GreaterOrEqual" => broadcast(inputs, |a, b| f64::from(u8::from(a >= b))),
        "LessOrEqual" => broadcast(inputs, |a, b| f64::from(u8::from(a <= b))),
        "Where" => {
            assert_eq!(inputs[2].1, [0.0]);
            broadcast(&[inputs[1], inputs[0]], |x, chosen| if chosen != 0.0 { x } else { 0.0 })
        }
        "Max" => broadcast(inputs, f64::max),
        "Min" => broadcast(inputs, f64::min),
        "Add" => broadcast(inputs, |a, b| a + b),
        "Sub" => broadcast(inputs, |a, b| a - b),
        "Mul" => broadcast(inputs, |a, b| a * b),
        "Pow" => broadcast(inputs, f64::powf),
        "Div" => broadcast(inputs, |a, b| a / b),
        "Expand" => {
            let dims: Vec<usize> = inputs[1].1.iter().map(|&d| d as usize).collect();
            let times = dims.iter().product::<usize>() / x.len();
            (dims, x.repeat(times))
        }
        "Reshape" => (inputs[1].1.iter().map(|&d| d as usize).collect(), x.clone()),
        "Transpose" => transpose(inputs[0], &ints("perm")),
        "Concat" => along_channels(inputs, int("axis", -1), |_, channels| 0..channels),
        "Slice" => {
            let [begin, end, axis] = [1, 2, 3].map(|i| inputs[i].1[0] as usize);
            along_channels(&inputs[..1], axis as i64, |_, channels| begin..end.min(channels))
        }
        other => panic!("{}: no meaning for {other}", node.name()),
    }
}

/// Adds zeros in front and behind, or takes values away where their number is negative.
fn pad((dims, x): &Value, sides: &[f64]) -> Value {
    let (front, behind) = sides.split_at(dims.len());
    let size = |axis: usize| (dims[axis] as f64 + front[axis] + behind[axis]) as usize;
    let padded: Vec<usize> = (0..dims.len()).map(size).collect();
    let value = |mut at: usize| {
        let mut from = 0;
        let mut step = 1;
        for axis in (0..dims.len()).rev() {
            let position = (at % padded[axis]) as f64 - front[axis];
            if position < 0.0 || position >= dims[axis] as f64 {
                return 0.0;
            }
            from += position as usize * step;
            (at, step) = (at / padded[axis], step * dims[axis]);
        }
        x[from]
    };
    let values = (0..padded.iter().product()).map(value).collect();
    (padded, values)
}

/// The error function by its definition: Simpson's rule for the integral of 2 / sqrt(pi) exp(-t^2), which is 1 beyond 6.
fn erf(x: f64) -> f64 {
    const STEPS: u32 = 1200;
    let (end, sign) = (x.abs().min(6.0), x.signum());
    let step = end / f64::from(STEPS);
    let weight = |i: u32| if i == 0 || i == STEPS { 1.0 } else { 2.0 + 2.0 * f64::from(i % 2) };
    let sum: f64 = (0..=STEPS).map(|i| weight(i) * (-(f64::from(i) * step).powi(2)).exp()).sum();
    sign * sum * step / 3.0 * std::f64::consts::FRAC_2_SQRT_PI
}

/// Applies a function elementwise. A dimension that is 1 or missing is repeated.
fn broadcast(inputs: &[&Value], f: fn(f64, f64) -> f64) -> Value {
    if inputs[0].1.len() < inputs[1].1.len() {
        return repeat(inputs[1], inputs[0], |a, b| f(b, a));
    }
    repeat(inputs[0], inputs[1], f)
}

fn repeat((dims, a): &Value, (narrow, b): &Value, f: impl Fn(f64, f64) -> f64) -> Value {
    let fits = narrow.is_empty() || dims.len() == narrow.len();
    assert!(fits && dims.iter().zip(narrow).all(|(d, n)| d == n || *n == 1), "{dims:?} and {narrow:?}");
    let at = |i: usize| {
        let (mut rest, mut stride, mut at) = (i, 1, 0);
        for (&d, &n) in dims.iter().zip(narrow).rev() {
            at += if n == 1 { 0 } else { rest % d * stride };
            (rest, stride) = (rest / d, stride * n);
        }
        at
    };
    (dims.clone(), a.iter().enumerate().map(|(i, &a)| f(a, b[at(i)])).collect())
}

fn transpose((dims, x): &Value, perm: &[usize]) -> Value {
    let turned: Vec<usize> = perm.iter().map(|&p| dims[p]).collect();
    let stride = |axis: usize| dims[axis + 1..].iter().product::<usize>();
    let at = |i: usize| {
        let (mut rest, mut at) = (i, 0);
        for (&d, &p) in turned.iter().zip(perm).rev() {
            at += rest % d * stride(p);
            rest /= d;
        }
        at
    };
    let values = (0..x.len()).map(|i| x[at(i)]).collect();
    (turned, values)
}

/// Some channels of each input, one input after the other.
fn along_channels(inputs: &[&Value], axis: i64, range: impl Fn(usize, usize) -> std::ops::Range<usize>) -> Value {
    assert_eq!(axis, 1);
    let (mut dims, mut values) = (inputs[0].0.clone(), Vec::new());
    let inner: usize = dims[2..].iter().product();
    dims[1] = inputs.iter().enumerate().map(|(i, input)| range(i, input.0[1]).len()).sum();
    for n in 0..dims[0] {
        for (i, (of, x)) in inputs.iter().enumerate() {
            let channels = range(i, of[1]);
            let image = n * of[1] * inner;
            values.extend_from_slice(&x[image + channels.start * inner..image + channels.end * inner]);
        }
    }
    (dims, values)
}
