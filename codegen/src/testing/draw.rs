//! Random networks and weights.

use proptest::prelude::*;
use sartor_models::{Activation, Builder, Conv2d, GraphError, Network, NodeId, Op, Pool, Shape, Tensor, Weights};

use super::noise;

/// Weights that keep activations near 1, the same for the same network.
pub fn weights(network: &Network) -> Weights {
    let mut weights = Weights::default();
    for (seed, param) in network.params().into_iter().enumerate() {
        let fan_in: usize = param.shape[1..].iter().product();
        let (centre, spread) = match param.name.rsplit('.').next() {
            Some("weight") if param.shape.len() > 1 => (0.0, (4.0 / fan_in as f64).sqrt()),
            Some("weight" | "running_var") => (1.0, 0.5),
            _ => (0.0, 0.5),
        };
        let values = noise(seed as u64).map(|x| (centre + spread * x) as f32);
        let data = values.take(param.shape.iter().product()).collect();
        weights.insert(param.name, Tensor::new(param.shape, data));
    }
    weights
}

/// One thing to add to a network: what, to which nodes, and how large.
type Choice = (u8, u16, u16, usize);

/// Networks of up to 12 drawn blocks: chains, shortcuts, concatenations, gates and shuffles on maps of up to 9 x 9 pixels.
pub fn network() -> impl Strategy<Value = Network> {
    let choices = prop::collection::vec((0u8..16, any::<u16>(), any::<u16>(), 1usize..=40), 1..=12);
    (1usize..=4, 1usize..=9, 1usize..=9, choices, any::<u16>()).prop_map(|(c, h, w, choices, ends)| {
        let builder = Builder::new("drawn", Shape::new(c, h, w)).unwrap();
        Grower { last: builder.input(), builder, nodes: 1 }.grow(&choices, ends).unwrap()
    })
}

struct Grower {
    builder: Builder,
    last: NodeId,
    nodes: usize,
}

impl Grower {
    fn grow(mut self, choices: &[Choice], ends: u16) -> Result<Network, GraphError> {
        for &choice in choices {
            self.last = self.block(choice)?;
        }
        let mut outputs = vec![self.last];
        if ends.is_multiple_of(3) {
            outputs.push(NodeId(usize::from(ends / 3) % self.nodes));
        }
        if ends % 4 == 1 {
            let pooled = self.add(Op::GlobalAvgPool, &[self.last])?;
            outputs.push(self.add(Op::LogSoftmax, &[pooled])?);
        }
        self.builder.finish(&outputs)
    }

    fn block(&mut self, (what, a, b, c): Choice) -> Result<NodeId, GraphError> {
        // Mostly the last node, so that chains are drawn as well as trees.
        let src = if a % 4 == 0 { NodeId(usize::from(a / 4) % self.nodes) } else { self.last };
        let shape = self.builder.shape(src);
        let b = usize::from(b);
        match what {
            0 | 1 => self.conv(src, c, (1, 1), 1, 1),
            2 => self.conv(src, c, (1 + 2 * (b % 2), 3), 1 + b % 2, 1),
            3 => {
                let groups = divisor(shape.c, b);
                self.conv(src, groups * (1 + c % 4), (1, 1), 1, groups)
            }
            4 | 5 => self.conv(src, shape.c, (3, 3), 1 + b % 2, shape.c),
            6 => self.add(Op::BatchNorm { eps: 1e-3 }, &[src]),
            7 | 8 => self.add(Op::Activation(ACTS[b % 4]), &[src]),
            9 => {
                let pool = Pool { kernel: (3, 3), stride: (1 + b % 2, 1), padding: (1, 1) };
                self.add(if b % 4 < 2 { Op::MaxPool(pool) } else { Op::AvgPool(pool) }, &[src])
            }
            10 => {
                let partner = self.partner(src, b);
                let (large, small) = if self.builder.shape(partner).c > shape.c { (partner, src) } else { (src, partner) };
                self.add(Op::Add, &[large, small])
            }
            11 => {
                let mut operands = vec![src, self.partner(src, b)];
                if b % 3 == 0 {
                    operands.push(self.partner(src, b / 3));
                }
                self.add(Op::Concat, &operands)
            }
            12 => self.add(Op::ChannelShuffle { groups: divisor(shape.c, b) }, &[src]),
            13 => {
                let pooled = self.add(Op::GlobalAvgPool, &[src])?;
                let squeezed = self.add(Op::Linear { out: c, bias: true }, &[pooled])?;
                let restored = self.add(Op::Linear { out: shape.c, bias: b % 2 == 0 }, &[squeezed])?;
                let gate = self.add(Op::Activation(Activation::Sigmoid), &[restored])?;
                self.add(Op::Mul, &[src, gate])
            }
            14 => {
                let branch = self.conv(src, shape.c + b % 3, (1, 1), 1, 1)?;
                let mut branch = self.add(Op::BatchNorm { eps: 1e-5 }, &[branch])?;
                if b % 4 == 1 {
                    branch = self.add(Op::Activation(ACTS[b / 4 % 4]), &[branch])?;
                }
                self.add(Op::Add, &[branch, src])
            }
            _ => {
                let pool = Pool { kernel: (3, 3), stride: (2, 2), padding: (1, 1) };
                let branch = self.conv(src, c, (3, 3), 2, 1)?;
                let pooled = self.add(Op::AvgPool(pool), &[src])?;
                let both = self.add(Op::Concat, &if b % 2 == 0 { [pooled, branch] } else { [branch, pooled] })?;
                self.add(Op::Activation(ACTS[b % 4]), &[both])
            }
        }
    }

    /// Another node, or the same, whose map has the same rows and columns.
    fn partner(&self, node: NodeId, choice: usize) -> NodeId {
        let shape = self.builder.shape(node);
        let fits = |id: &NodeId| self.builder.shape(*id).h == shape.h && self.builder.shape(*id).w == shape.w;
        let partners: Vec<NodeId> = (0..self.nodes).map(NodeId).filter(fits).collect();
        partners[choice % partners.len()]
    }

    fn conv(
        &mut self,
        src: NodeId,
        oc: usize,
        kernel: (usize, usize),
        stride: usize,
        groups: usize,
    ) -> Result<NodeId, GraphError> {
        let padding = (kernel.0 / 2, kernel.1 / 2);
        let bias = oc.is_multiple_of(2);
        self.add(Op::Conv2d(Conv2d { oc, kernel, stride: (stride, stride), padding, groups, bias }), &[src])
    }

    fn add(&mut self, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let id = self.builder.add(format!("n{}", self.nodes), op, inputs)?;
        self.nodes += 1;
        Ok(id)
    }
}

const ACTS: [Activation; 4] = [Activation::Relu, Activation::Relu6, Activation::Silu, Activation::Sigmoid];

fn divisor(n: usize, choice: usize) -> usize {
    let divisors: Vec<usize> = (1..=n).filter(|d| n.is_multiple_of(*d)).collect();
    divisors[choice % divisors.len()]
}
