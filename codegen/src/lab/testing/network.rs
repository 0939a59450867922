//! A network straight from its graph: NCHW, f64, plain loops.

use sartor_models::{Conv2d, Network, NodeId, Op, Shape, Weights, Window};

use super::activation;

/// Values of all nodes, each `c x h x w`.
pub fn evaluate(network: &Network, weights: &Weights, input: &[f64]) -> Vec<Vec<f64>> {
    let mut values: Vec<Vec<f64>> = Vec::new();
    for (id, node) in network.nodes().iter().enumerate() {
        let srcs: Vec<(&[f64], Shape)> = node.inputs.iter().map(|i| (values[i.0].as_slice(), network.node(*i).shape)).collect();
        let params: Vec<Vec<f64>> = network
            .params_of(NodeId(id))
            .iter()
            .map(|p| weights.get(&p.name).unwrap().data().iter().map(|&x| f64::from(x)).collect())
            .collect();
        let bias = |oc: usize| params.get(1).cloned().unwrap_or(vec![0.0; oc]);
        let pixels = node.shape.pixels();
        let by_channel = |f: &dyn Fn(usize, f64) -> f64| srcs[0].0.iter().enumerate().map(|(i, &x)| f(i / pixels, x)).collect();
        let value: Vec<f64> = match node.op {
            Op::Input => input.to_vec(),
            Op::Conv2d(c) => conv(srcs[0], c, node.shape, &params[0], &bias(c.oc)),
            Op::Linear { out, .. } => {
                let c = Conv2d { oc: out, groups: 1, bias: false, window: Window::POINT };
                conv(srcs[0], c, node.shape, &params[0], &bias(out))
            }
            Op::BatchNorm { eps } => {
                by_channel(&|c, x| (x - params[2][c]) / (params[3][c] + eps).sqrt() * params[0][c] + params[1][c])
            }
            Op::Activation(act) => by_channel(&|_, x| activation(Some(act), x)),
            Op::MaxPool(p) => {
                pool(srcs[0], p, node.shape, |window| window.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max))
            }
            Op::AvgPool(p) => pool(srcs[0], p, node.shape, |window| window.iter().flatten().sum::<f64>() / window.len() as f64),
            Op::GlobalAvgPool => {
                srcs[0].0.chunks(srcs[0].1.pixels()).map(|channel| channel.iter().sum::<f64>() / channel.len() as f64).collect()
            }
            Op::Add => {
                let mut sum = srcs[0].0.to_vec();
                sum.iter_mut().zip(srcs[1].0).for_each(|(a, b)| *a += b);
                sum
            }
            Op::Mul => by_channel(&|c, x| x * srcs[1].0[c]),
            Op::Concat => srcs.iter().flat_map(|src| src.0.iter().copied()).collect(),
            Op::ChannelShuffle { groups } => {
                let n = node.shape.c / groups;
                (0..n)
                    .flat_map(|i| (0..groups).map(move |g| g * n + i))
                    .flat_map(|c| srcs[0].0[c * pixels..][..pixels].iter().copied())
                    .collect()
            }
            Op::LogSoftmax => {
                let log_sum = srcs[0].0.iter().map(|x| x.exp()).sum::<f64>().ln();
                srcs[0].0.iter().map(|x| x - log_sum).collect()
            }
        };
        assert_eq!(value.len(), node.shape.len(), "{}", node.name);
        values.push(value);
    }
    values
}

fn conv((src, shape): (&[f64], Shape), conv: Conv2d, out: Shape, weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let (ic, oc) = (shape.c / conv.groups, conv.oc / conv.groups);
    let Window { kernel: (kh, kw), stride, dilation, padding } = conv.window;
    let mut dst = Vec::new();
    for o in 0..conv.oc {
        for y in 0..out.h {
            for x in 0..out.w {
                let mut sum = bias[o];
                for i in 0..ic {
                    for ky in 0..kh {
                        for kx in 0..kw {
                            let (iy, ix) = (y * stride.0 + ky * dilation.0, x * stride.1 + kx * dilation.1);
                            let (above, left) = (padding.0.before, padding.1.before);
                            let inside = (above..above + shape.h).contains(&iy) && (left..left + shape.w).contains(&ix);
                            if inside {
                                let c = o / oc * ic + i;
                                let at = (c * shape.h + iy - above) * shape.w + ix - left;
                                sum += weight[((o * ic + i) * kh + ky) * kw + kx] * src[at];
                            }
                        }
                    }
                }
                dst.push(sum);
            }
        }
    }
    dst
}

fn pool((src, shape): (&[f64], Shape), window: Window, out: Shape, reduce: impl Fn(&[Option<f64>]) -> f64) -> Vec<f64> {
    let Window { kernel, stride, dilation, padding } = window;
    let mut dst = Vec::new();
    for c in 0..out.c {
        for y in 0..out.h {
            for x in 0..out.w {
                let mut window = Vec::new();
                for ky in 0..kernel.0 {
                    for kx in 0..kernel.1 {
                        let iy = (y * stride.0 + ky * dilation.0).checked_sub(padding.0.before).filter(|&iy| iy < shape.h);
                        let ix = (x * stride.1 + kx * dilation.1).checked_sub(padding.1.before).filter(|&ix| ix < shape.w);
                        window.push(iy.zip(ix).map(|(iy, ix)| src[(c * shape.h + iy) * shape.w + ix]));
                    }
                }
                dst.push(reduce(&window));
            }
        }
    }
    dst
}
