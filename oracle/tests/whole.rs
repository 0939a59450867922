//! The tolerance of whole networks: small faults anywhere exceed it, PyTorch's roundings do not, and it is the same on every machine.

use sartor_models::zoo::Spec;
use sartor_models::{Activation, Network, Op, Weights};
use sartor_oracle::random::{input, weights};
use sartor_oracle::{Torch, Whole, ids, tensor};
use tch::{Kind, Tensor};

const NETWORKS: [&str; 4] =
    ["mobilenet_v2_x1.0@96x96", "rexnet_x1.0@96x96", "efficientnet_b0@96x96", "shufflenet_v1_g3_x1.0@96x96"];

/// A network of [`NETWORKS`] with its weights and an input.
struct Case {
    network: Network,
    weights: Weights,
    input: Vec<f32>,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        NETWORKS.into_iter().map(|name| {
            let network = name.parse::<Spec>().unwrap().build().unwrap();
            Self { weights: weights(&network, 7), input: input(network.input_shape(), 1, 8), network }
        })
    }

    fn whole(&self) -> Whole {
        Whole::new(&self.network, &self.weights, &self.input, 1)
    }

    /// The outputs of PyTorch in f32 with these weights, its SiLU and sigmoid replaced by others.
    fn outputs(&self, weights: &Weights, silu: impl Fn(&Tensor) -> Tensor, sigmoid: impl Fn(&Tensor) -> Tensor) -> Vec<Tensor> {
        let torch = Torch::new(&self.network, weights);
        let mut values = vec![tensor(&self.input, 1, self.network.input_shape())];
        for id in ids(&self.network).skip(1) {
            let node = self.network.node(id);
            let inputs: Vec<&Tensor> = node.inputs.iter().map(|input| &values[input.0]).collect();
            values.push(match node.op {
                Op::Activation(Activation::Silu) => silu(inputs[0]),
                Op::Activation(Activation::Sigmoid) => sigmoid(inputs[0]),
                _ => torch.node(id, &inputs, Kind::Float),
            });
        }
        self.network.outputs().iter().map(|id| values[id.0].shallow_clone()).collect()
    }

    /// The worst output's error by its tolerance, with other weights.
    fn ratio(&self, whole: &Whole, weights: &Weights) -> f64 {
        worst(whole, &self.outputs(weights, Tensor::silu, Tensor::sigmoid))
    }

    /// First, middle and last of the weights of convolutions and linear layers.
    fn filters(&self) -> [String; 3] {
        let params = self.network.params();
        let filters: Vec<_> = params.iter().filter(|param| param.shape.len() > 1).map(|param| param.name.clone()).collect();
        [0, filters.len() / 2, filters.len() - 1].map(|at| filters[at].clone())
    }

    /// The weights with one tensor changed; `change` gets its values and the length of an output channel's.
    fn changed(&self, name: &str, change: impl Fn(&mut [f32], usize)) -> Weights {
        let (mut weights, tensor) = (self.weights.clone(), self.weights.get(name).unwrap());
        let mut data = tensor.data().to_vec();
        change(&mut data, tensor.shape()[1..].iter().product());
        weights.insert(name, sartor_models::Tensor::new(tensor.shape().to_vec(), data));
        weights
    }
}

fn worst(whole: &Whole, outputs: &[Tensor]) -> f64 {
    let ratios = whole.judge(outputs).into_iter().map(|verdict| verdict.ratio);
    ratios.fold(0.0, |worst, ratio| if ratio > worst || ratio.is_nan() { ratio } else { worst })
}

#[test]
fn roundings_are_within_the_tolerance() {
    for case in Case::all() {
        let ratio = case.ratio(&case.whole(), &case.weights);
        println!("{}: PyTorch takes {ratio:.2} of the tolerance", case.network.name);
        assert!(ratio < 0.5, "{}: {ratio}", case.network.name);
    }
}

/// A fault: one weight of one output channel is left out.
#[test]
fn a_dropped_tap_exceeds_the_tolerance() {
    for case in Case::all() {
        let whole = case.whole();
        for name in case.filters() {
            let typical = |data: &[f32]| (data.iter().map(|w| w * w).sum::<f32>() / data.len() as f32).sqrt();
            let dropped = case.changed(&name, |data, _| {
                let typical = typical(data);
                let tap = data.iter().position(|w| w.abs() > 0.5 * typical).unwrap();
                data[tap] = 0.0;
            });
            let ratio = case.ratio(&whole, &dropped);
            println!("{}: a tap of {name} left out is {ratio:.0} times the tolerance", case.network.name);
            assert!(ratio > 1.0, "{} {name}: {ratio}", case.network.name);
        }
    }
}

/// A fault: two output channels of one layer are exchanged.
#[test]
fn a_wrong_lane_exceeds_the_tolerance() {
    for case in Case::all() {
        let whole = case.whole();
        for name in case.filters() {
            let exchanged = case.changed(&name, |data, len| {
                let (first, rest) = data.split_at_mut(len);
                first.swap_with_slice(&mut rest[..len]);
            });
            let ratio = case.ratio(&whole, &exchanged);
            println!("{}: two lanes of {name} exchanged are {ratio:.0} times the tolerance", case.network.name);
            assert!(ratio > 1.0, "{} {name}: {ratio}", case.network.name);
        }
    }
}

/// A fault: the exponential has only 16 bits after the point.
#[test]
fn an_exponential_good_to_2_to_the_minus_16_exceeds_the_tolerance() {
    fn exp(x: &Tensor) -> Tensor {
        let fraction = f64::from(1u32 << 16);
        let x = x.to_kind(Kind::Double) * std::f64::consts::LOG2_E;
        let whole = x.floor();
        ((((&x - &whole).exp2() * fraction).floor() / fraction) * whole.exp2()).to_kind(Kind::Float)
    }
    let sigmoid = |x: &Tensor| (exp(&-x) + 1.0).reciprocal();
    let mut seen = 0;
    for case in Case::all() {
        let uses = |act| case.network.nodes().iter().any(|node| node.op == Op::Activation(act));
        if uses(Activation::Silu) || uses(Activation::Sigmoid) {
            let ratio = worst(&case.whole(), &case.outputs(&case.weights, |x| x * sigmoid(x), sigmoid));
            println!("{}: such an exponential is {ratio:.1} times the tolerance", case.network.name);
            assert!(ratio > 1.0, "{}: {ratio}", case.network.name);
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

/// Bounds in millionths of the largest output, as they are on every CPU, whatever kernels PyTorch has for it.
#[test]
fn the_tolerance_is_the_same_on_every_machine() {
    const MILLIONTHS: [f64; 4] = [138.492, 105.294, 65.346, 32.041];
    for (case, expected) in Case::all().zip(MILLIONTHS) {
        for (largest, bound) in case.whole().bounds() {
            let found = 1e6 * bound / largest;
            println!("{}: {found:.6} millionths", case.network.name);
            assert!((found - expected).abs() < 1e-3 * expected, "{}: {found} for {expected}", case.network.name);
        }
    }
}
