//! Problems: networks of one layer, or of a layer and what it can be fused with, of small random shapes.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::RngCore;
use sartor::models::{
    Activation, Arithmetic, Builder, Conv2d, GraphError, NodeId, Op, Padding, Reduction, Shape, Tensor, Window,
};
use sartor::{Network, Weights};

/// Draws from one seed.
pub struct Draw(Pcg32);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(Pcg32::new(seed, 0))
    }

    /// A number of `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }

    /// A number of `lo..=hi`.
    fn within(&mut self, lo: usize, hi: usize) -> usize {
        lo + self.below(hi - lo + 1)
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// An activation, or none.
    fn act(&mut self) -> Option<Activation> {
        let index = self.below(Activation::every().count() + 1).checked_sub(1);
        index.and_then(|index| Activation::every().nth(index))
    }

    /// A real of -1..1.
    pub fn real(&mut self) -> f32 {
        self.0.next_u32() as f32 / (1u32 << 31) as f32 - 1.0
    }

    /// Draws the problem with this number. The kinds of problems take turns.
    pub fn problem(&mut self, number: usize) -> Network {
        let shape = Shape::new(self.within(1, 70), self.within(1, 8), self.within(1, 8));
        let mut grow = Grow { builder: Builder::new(format!("problem {number}"), shape).unwrap(), nodes: 0, draw: self };
        let outputs = grow.kind(number % KINDS).unwrap_or_else(|error| panic!("problem {number}: {error}"));
        grow.builder.finish(&outputs).unwrap()
    }

    /// Weights that keep values near 1.
    pub fn weights(&mut self, network: &Network) -> Weights {
        let mut weights = Weights::default();
        for param in network.params() {
            let fan_in: usize = param.shape[1..].iter().product();
            let (centre, spread) = match param.name.rsplit('.').next() {
                Some("weight") if param.shape.len() > 1 => (0.0, (4.0 / fan_in as f32).sqrt()),
                Some("weight" | "running_var") => (1.0, 0.5),
                _ => (0.0, 0.5),
            };
            let data = (0..param.shape.iter().product()).map(|_| centre + spread * self.real()).collect();
            weights.insert(param.name, Tensor::new(param.shape, data));
        }
        weights
    }
}

const KINDS: usize = 14;
/// Sizes of windows. Large ones are rare, because they make more code to compile.
const KERNELS: [usize; 8] = [3, 3, 3, 3, 3, 5, 5, 7];

struct Grow<'a> {
    builder: Builder,
    nodes: usize,
    draw: &'a mut Draw,
}

type Grown = Result<NodeId, GraphError>;

impl Grow<'_> {
    /// Returns the outputs.
    fn kind(&mut self, kind: usize) -> Result<Vec<NodeId>, GraphError> {
        let input = self.builder.input();
        let c = self.builder.shape(input).c;
        let act = self.draw.act();
        let last = match kind {
            0 => {
                let oc = self.draw.within(1, 70);
                self.conv(input, oc, (1, 1), 1, 1, act)?
            }
            // A shortcut of as many channels or of fewer, before or after the activation.
            1 => {
                let oc = c + self.draw.within(0, 2) * self.draw.within(0, 20);
                let branch = self.conv(input, oc, (1, 1), 1, 1, act)?;
                let sum = self.add(Op::Add, &[branch, input])?;
                let after = self.draw.act();
                self.act(sum, after)?
            }
            2 => {
                let groups = self.divisor(c);
                let oc = groups * self.draw.within(1, 1 + 40 / groups);
                self.conv(input, oc, (1, 1), 1, groups, act)?
            }
            // From the user's image, then from a map.
            3 | 4 => {
                let narrow = self.draw.within(1, 8);
                let src = if kind == 4 { self.conv(input, narrow, (1, 1), 1, 1, None)? } else { input };
                let (oc, kernel, stride) = (self.draw.within(1, 40), self.draw.one(&KERNELS), self.draw.within(1, 2));
                self.any_conv(src, oc, kernel, stride, 1, act)?
            }
            5 | 6 => {
                let (kernel, stride) = (self.draw.one(&KERNELS), self.draw.within(1, 2));
                self.any_conv(input, c, kernel, stride, c, act)?
            }
            7 => {
                let (kernel, stride) = ((3, 3), (self.draw.within(1, 2), self.draw.within(1, 2)));
                let pool = Window::new(kernel, stride, self.padding(input, kernel, stride));
                let uncounted = Op::AvgPool { window: pool, counted: Padding::NONE };
                let op = self.draw.one(&[Op::MaxPool(pool), Op::avg_pool(pool), uncounted]);
                let pooled = self.add(op, &[input])?;
                self.act(pooled, act)?
            }
            8 => {
                let reduction = self.draw.one(&Reduction::ALL);
                let pooled = self.add(Op::Reduce(reduction), &[input])?;
                let (out, bias) = (self.draw.within(1, 100), self.draw.below(2) == 0);
                let linear = self.add(Op::Linear { out, bias }, &[pooled])?;
                match self.draw.below(3) {
                    0 => linear,
                    kind => self.add(Op::Softmax { log: kind == 1 }, &[linear])?,
                }
            }
            // Squeeze and excitation after a depthwise convolution: channel sums, a gate.
            9 => {
                let src = self.conv(input, c, (3, 3), 1, c, act)?;
                let pooled = self.add(Op::Reduce(Reduction::Mean), &[src])?;
                let out = self.draw.within(1, 20);
                let squeezed = self.add(Op::Linear { out, bias: true }, &[pooled])?;
                let squeezed = self.act(squeezed, Some(Activation::Relu))?;
                let restored = self.add(Op::Linear { out: c, bias: true }, &[squeezed])?;
                let gate = self.act(restored, Some(Activation::Sigmoid))?;
                let gated = self.add(Op::Binary(Arithmetic::Mul), &[src, gate])?;
                let op = self.draw.one(&Arithmetic::ALL);
                let all = self.builder.shape(src);
                let whole = Window::new((all.h, all.w), (1, 1), Padding::around(0));
                let one = Op::Slice { begin: self.draw.below(c), len: 1 };
                // Sigmoids, so that no divisor is near zero; neither are their maximum and their parts. What is kept depends on a sign.
                let keeps = op == Arithmetic::Keep;
                let kind = self.draw.below(4);
                let second = match kind {
                    0 | 1 if keeps => restored,
                    0 | 1 => gate,
                    _ if keeps => src,
                    _ => self.act(src, Some(Activation::Sigmoid))?,
                };
                let second = if matches!(kind, 1 | 2) { self.add(one, &[second])? } else { second };
                let first = match op {
                    Arithmetic::DivInto => self.act(gated, Some(Activation::Sigmoid))?,
                    // Zero where errors of rounding decide.
                    Arithmetic::Keep => self.add(Op::Binary(Arithmetic::Mul), &[gated, second])?,
                    _ => gated,
                };
                let last = self.add(Op::Binary(op), &[first, second])?;
                // A comparison jumps where both are alike, and errors of rounding decide: there the difference is zero.
                let last = if op.compares() {
                    let difference = self.add(Op::Binary(Arithmetic::Sub), &[first, second])?;
                    self.add(Op::Binary(Arithmetic::Mul), &[difference, last])?
                } else {
                    last
                };
                let after = self.draw.act();
                let last = self.act(last, after)?;
                if all.pixels() > 1 { self.add(Op::MaxPool(whole), &[last])? } else { last }
            }
            10 => {
                let norm = self.add(Op::BatchNorm { eps: 1e-5 }, &[input])?;
                self.act(norm, act)?
            }
            // Moved values: by one node, by two at once, and back through a part of a map.
            11 => {
                let branch = self.conv(input, c, (1, 1), 1, 1, act)?;
                let orders = [[1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]];
                let order = self.draw.one(&orders);
                let turned = self.add(Op::Transpose(order), &[branch])?;
                let shape = self.builder.shape(turned);
                let rows = self.divisor(shape.len() / shape.c);
                let other = Shape::new(shape.c, rows, shape.len() / shape.c / rows);
                let shaped = self.add(Op::Reshape(other), &[turned])?;
                let after = self.draw.act();
                let last = self.act(shaped, after.or(Some(Activation::Relu)))?;
                let len = self.draw.within(1, shape.c);
                let begin = self.draw.below(shape.c - len + 1);
                let part = self.add(Op::Slice { begin, len }, &[last])?;
                let all = self.builder.shape(part).len();
                let crooked = self.divisor(all);
                let flat = self.add(Op::Reshape(Shape::new(crooked, all / crooked, 1)), &[part])?;
                self.add(Op::Activation(Activation::Relu), &[flat])?
            }
            // Shares of channels in the middle, times and beside constants.
            12 => {
                let src = self.conv(input, c, (1, 1), 1, 1, act)?;
                let log = self.draw.below(2) == 0;
                let shares = self.add(Op::Softmax { log }, &[src])?;
                let Shape { h, w, .. } = self.builder.shape(src);
                let one = self.draw.below(2) == 0;
                let constant = self.add(Op::Constant(Shape::new(if one { 1 } else { c }, h, w)), &[])?;
                let scaled = self.add(Op::Binary(Arithmetic::Mul), &[shares, constant])?;
                self.add(Op::Concat, &[scaled, constant])?
            }
            _ => {
                let narrow = self.draw.within(1, 30);
                let branch = self.conv(input, narrow, (1, 1), 1, 1, act)?;
                let both = self.add(Op::Concat, &[input, branch])?;
                let groups = self.divisor(c + narrow);
                let shuffled = self.add(Op::ChannelShuffle { groups }, &[both])?;
                let len = self.draw.within(1, c + narrow);
                let begin = self.draw.below(c + narrow - len + 1);
                self.add(Op::Slice { begin, len }, &[shuffled])?
            }
        };
        Ok(vec![last])
    }

    fn divisor(&mut self, n: usize) -> usize {
        let divisors: Vec<usize> = (1..=n).filter(|d| n.is_multiple_of(*d)).collect();
        self.draw.one(&divisors)
    }

    fn conv(
        &mut self,
        src: NodeId,
        oc: usize,
        kernel: (usize, usize),
        stride: usize,
        groups: usize,
        act: Option<Activation>,
    ) -> Grown {
        let stride = (stride, stride);
        let window = Window::new(kernel, stride, self.padding(src, kernel, stride));
        self.windowed(src, oc, window, groups, act)
    }

    /// A convolution of any size. Some have windows that lie wholly in padding.
    fn any_conv(
        &mut self,
        src: NodeId,
        oc: usize,
        kernel: usize,
        stride: usize,
        groups: usize,
        act: Option<Activation>,
    ) -> Grown {
        let kernel = (kernel, kernel);
        if self.draw.below(5) > 0 {
            return self.conv(src, oc, kernel, stride, groups, act);
        }
        let padding = (Padding::both(kernel.0), Padding { before: kernel.1, after: self.draw.below(kernel.1 + 2) });
        self.windowed(src, oc, Window::new(kernel, (stride, stride), padding), groups, act)
    }

    fn windowed(&mut self, src: NodeId, oc: usize, window: Window, groups: usize, act: Option<Activation>) -> Grown {
        let bias = self.draw.below(2) == 0;
        let conv = self.add(Op::Conv2d(Conv2d { oc, groups, bias, window }), &[src])?;
        self.act(conv, act)
    }

    /// Of each axis as much on both sides, or TensorFlow's `SAME`, or its reverse.
    fn padding(&mut self, src: NodeId, kernel: (usize, usize), stride: (usize, usize)) -> (Padding, Padding) {
        let shape = self.builder.shape(src);
        let mut axis = |size, kernel, stride| {
            let same = Padding::same(size, kernel, stride);
            self.draw.one(&[Padding::both(kernel / 2), same, same.reversed()])
        };
        (axis(shape.h, kernel.0, stride.0), axis(shape.w, kernel.1, stride.1))
    }

    fn act(&mut self, src: NodeId, act: Option<Activation>) -> Grown {
        let steps = act.and_then(Activation::guard).into_iter().chain(act);
        steps.into_iter().try_fold(src, |at, act| self.add(Op::Activation(act), &[at]))
    }

    fn add(&mut self, op: Op, inputs: &[NodeId]) -> Grown {
        self.nodes += 1;
        self.builder.add(format!("n{}", self.nodes), op, inputs)
    }
}
