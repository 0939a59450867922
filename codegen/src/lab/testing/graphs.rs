//! Draws random networks and problems. They shrink to fewer nodes first, and then to smaller ones.

use std::ops::RangeInclusive;

use proptest::prelude::*;
use sartor_codegen::lab::{Data, Problem, Winograd};
use sartor_models::{
    Activation, Arithmetic, Builder, Conv2d, DepthOrder, GraphError, Network, NodeId, Op, Padding, Rearrange, Reduction, Shape,
    Window,
};

/// One thing to add to a network: which operator, on which nodes, and how large.
type Choice = (u8, u16, u16, usize);

/// Problems, mostly on small maps; a few have up to 40 x 40 pixels.
pub fn problem() -> impl Strategy<Value = Problem> {
    let data = prop_oneof![2 => Just(Data::Reals), 1 => Just(Data::Integers)];
    let sizes = prop_oneof![
        6 => Just((1..=6, 1..=8, 24)),
        3 => Just((1..=40, 1..=12, 40)),
        2 => Just((1..=70, 1..=16, 70)),
        1 => Just((1..=8, 9..=40, 32)),
    ];
    (data, sizes, any::<u16>())
        .prop_flat_map(|(data, (c, edge, most), seed)| (graph(c, edge, most, WORK, data), Just((data, seed))))
        .prop_flat_map(|(network, (data, seed))| options(Problem { data, seed: seed.into(), ..Problem::new(network) }))
}

/// About how many multiply-accumulates a drawn network has. The interpreter takes milliseconds for so many.
const WORK: u64 = 150_000;

/// Draws ways to compute a problem. Everything that a plan can be told to do is drawn here, and only here.
fn options(problem: Problem) -> impl Strategy<Value = Problem> {
    let l2 = prop_oneof![Just(1 << 20), Just(1 << 12), Just(1 << 15)];
    let tune = prop_oneof![1 => Just(0), 3 => 1..1000u64];
    let winograd = (problem.seed % 2 == 1).then_some(Winograd::Two);
    (1..=3usize, 1..=4usize, any::<bool>(), l2, tune).prop_map(move |(batch, threads, fuse, l2, tune)| {
        // Problems shrink to one image and one thread.
        Problem { batch, threads, fuse, l2, winograd, tune, ..problem.clone() }
    })
}

/// Networks of up to 12 drawn blocks: chains, shortcuts, concatenations, gates and shuffles. The number of the images' channels
/// is drawn from `c`, their height and width from `edge`. Most layers have at most `most` channels. All convolutions together
/// have about `work` multiply-accumulates.
pub fn graph(
    c: RangeInclusive<usize>,
    edge: RangeInclusive<usize>,
    most: usize,
    work: u64,
    data: Data,
) -> impl Strategy<Value = Network> {
    let choices = prop::collection::vec((0u8..24, any::<u16>(), any::<u16>(), 1..=most), 1..=12);
    (c, edge.clone(), edge, choices, any::<u16>()).prop_map(move |(c, h, w, choices, ends)| {
        let builder = Builder::new("problem", Shape::new(c, h, w)).unwrap();
        Grower { last: builder.input(), builder, nodes: 1, work, exact: data == Data::Integers }.grow(&choices, ends).unwrap()
    })
}

struct Grower {
    builder: Builder,
    last: NodeId,
    nodes: usize,
    /// How many multiply-accumulates may still be added.
    work: u64,
    /// Whether only operators may be added whose results for integers are exact.
    exact: bool,
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
        if ends % 5 == 2 {
            outputs.push(self.tail(ends.into())?);
        }
        if ends % 4 == 1 && !self.exact {
            let src = if ends % 8 == 1 { self.last } else { self.add(Op::Reduce(Reduction::Mean), &[self.last])? };
            outputs.push(self.add(Op::Softmax { log: ends % 16 < 8 }, &[src])?);
        }
        self.builder.finish(&outputs)
    }

    /// Two parts of an output: transposed, reshaped and joined as heads of detectors do it.
    fn tail(&mut self, choice: usize) -> Result<NodeId, GraphError> {
        let mut parts = Vec::new();
        for src in [self.last, NodeId(choice / 5 % self.nodes)] {
            let turned = self.add(Op::Transpose(ORDERS[choice / 7 % 6]), &[src])?;
            let Shape { c, h, w } = self.builder.shape(turned);
            let values = divisor(w, choice / 11);
            let joined = if choice.is_multiple_of(2) { w / values * c * h } else { c };
            parts.push(self.add(Op::Reshape(Shape::new(joined, c * h * w / values / joined, values)), &[turned])?);
        }
        let [first, second] = [parts[0], parts[1]].map(|part| self.builder.shape(part));
        let mut last = if (first.h, first.w) == (second.h, second.w) { self.add(Op::Concat, &parts)? } else { parts[0] };
        if choice.is_multiple_of(3) && !self.exact {
            last = self.add(Op::Softmax { log: choice.is_multiple_of(4) }, &[last])?;
        }
        self.add(Op::Transpose(ORDERS[choice / 13 % 6]), &[last])
    }

    fn block(&mut self, (what, a, b, c): Choice) -> Result<NodeId, GraphError> {
        // The source is mostly the last node, so that chains are drawn as well as trees.
        let src = if a % 4 == 0 { NodeId(usize::from(a / 4) % self.nodes) } else { self.last };
        let shape = self.builder.shape(src);
        let b = usize::from(b);
        match what {
            0 | 1 => self.conv(src, c, (1, 1), 1, 1, b),
            2 => self.conv(src, c, (1 + 2 * (b % 2), 3), 1 + b % 2, 1, b),
            16 => self.conv(src, c, (KERNELS[b % 4], KERNELS[b / 4 % 4]), 1 + b / 16 % 3, 1, b),
            17 => self.conv(src, shape.c, (KERNELS[b % 4], KERNELS[b / 4 % 4]), 1 + b / 16 % 3, shape.c, b),
            3 => {
                let groups = divisor(shape.c, b);
                let kernel = [1, 1, 1, 3][b / 64 % 4];
                self.conv(src, groups * (1 + c % 4), (kernel, kernel), 1, groups, b)
            }
            4 | 5 => self.conv(src, shape.c, (3, 3), 1 + b % 2, shape.c, b),
            6 => self.batch_norm(src),
            7 | 8 => self.act(src, b),
            9 => {
                let (kernel, stride) = ((3, 3), (1 + b % 2, 1));
                let pool = Window::new(kernel, stride, padding(shape, kernel, stride, b / 256 % 5, b / 1280 % 5));
                let max = Op::MaxPool(match b % 4 {
                    0 => dilated(shape, pool, b / 4),
                    _ => pool,
                });
                // A window that lies wholly in padding is refused.
                self.add(if b % 4 < 2 || self.exact { max } else { averaging(pool, b / 4) }, &[src]).or(Ok(src))
            }
            20 => self.rearranged(src, b),
            21 => self.moved(src, b),
            22 if !self.exact && b.is_multiple_of(2) => self.add(Op::Softmax { log: b.is_multiple_of(4) }, &[src]),
            22 => self.constant(src, b),
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
            19 => self.binary(src, b),
            18 => {
                let len = 1 + b % shape.c;
                self.add(Op::Slice { begin: b / 256 % (shape.c - len + 1), len }, &[src])
            }
            12 => self.add(Op::ChannelShuffle { groups: divisor(shape.c, b) }, &[src]),
            13 if self.exact => {
                let whole = Window::new((shape.h, shape.w), (1, 1), Padding::around(0));
                let reduction = if shape.pixels() > 9 { Reduction::Max } else { Reduction::Sum };
                let reduce = [Op::MaxPool(whole), Op::Reduce(Reduction::Min), Op::Reduce(reduction)][b % 3];
                let gate = self.add(reduce, &[src])?;
                let gate = self.act(gate, 1)?;
                self.add(Op::Binary(Arithmetic::Mul), &[src, gate])
            }
            13 => {
                // The sum of many pixels would saturate the gate.
                let reductions = [Reduction::Mean, Reduction::Max, Reduction::Min];
                let pooled = self.add(Op::Reduce(reductions[b / 2 % 3]), &[src])?;
                let squeezed = self.add(Op::Linear { out: c, bias: true }, &[pooled])?;
                let restored = self.add(Op::Linear { out: shape.c, bias: b % 2 == 0 }, &[squeezed])?;
                let gate = self.add(Op::Activation(Activation::Sigmoid), &[restored])?;
                self.add(Op::Binary(Arithmetic::Mul), &[src, gate])
            }
            14 => {
                let branch = self.conv(src, shape.c + b % 3, (1, 1), 1, 1, 0)?;
                let mut branch = self.batch_norm(branch)?;
                if b % 4 == 1 {
                    branch = self.act(branch, b / 4)?;
                }
                // If the convolution would be too much work, none was added.
                if branch == src { Ok(src) } else { self.add(Op::Add, &[branch, src]) }
            }
            _ => {
                let pool = Window::square(3, 2, 1);
                let branch = self.conv(src, c, (3, 3), 2, 1, 0)?;
                let pooled = self.add(if self.exact { Op::MaxPool(pool) } else { Op::avg_pool(pool) }, &[src])?;
                if branch == src {
                    return Ok(pooled);
                }
                let both = self.add(Op::Concat, &if b % 2 == 0 { [pooled, branch] } else { [branch, pooled] })?;
                self.act(both, b)
            }
        }
    }

    /// Arithmetic with a second operand of each shape that there is. Divisors are sigmoids, which are not near zero. What jumps where
    /// errors of rounding decide is multiplied by what is zero there, unless nothing is rounded.
    fn binary(&mut self, src: NodeId, choice: usize) -> Result<NodeId, GraphError> {
        const KINDS: usize = Arithmetic::ALL.len();
        let (shape, op) = (self.builder.shape(src), Arithmetic::ALL[choice % KINDS]);
        let choice = choice / KINDS;
        if self.exact && op.divides() {
            return Ok(src);
        }
        let whole = Window::new((shape.h, shape.w), (1, 1), Padding::around(0));
        let slice = Op::Slice { begin: choice / 4 % shape.c, len: 1 };
        let mut second = match choice % 4 {
            0 => self.add(Op::MaxPool(Window::square(3, 1, 1)), &[src])?,
            1 => self.add(Op::MaxPool(whole), &[src])?,
            2 => self.add(slice, &[src])?,
            _ => {
                let one = self.add(slice, &[src])?;
                self.add(Op::MaxPool(whole), &[one])?
            }
        };
        let mut first = src;
        let divisor = match op {
            Arithmetic::Div => &mut second,
            Arithmetic::DivInto => &mut first,
            Arithmetic::Keep if !self.exact => {
                let product = self.add(Op::Binary(Arithmetic::Mul), &[first, second])?;
                return self.add(Op::Binary(op), &[product, second]);
            }
            _ => {
                let result = self.add(Op::Binary(op), &[first, second])?;
                if self.exact || !op.compares() {
                    return Ok(result);
                }
                let difference = self.add(Op::Binary(Arithmetic::Sub), &[first, second])?;
                return self.add(Op::Binary(Arithmetic::Mul), &[difference, result]);
            }
        };
        *divisor = self.add(Op::Activation(Activation::Sigmoid), &[*divisor])?;
        self.add(Op::Binary(op), &[first, second])
    }

    /// A node whose map has the same rows and columns. It may be the same node.
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
        choice: usize,
    ) -> Result<NodeId, GraphError> {
        let bias = oc.is_multiple_of(2);
        let shape = self.builder.shape(src);
        let stride = (stride, stride);
        let window = Window::new(kernel, stride, padding(shape, kernel, stride, choice / 256 % 16, choice / 4096));
        let window = if choice % 5 == 1 { dilated(shape, window, choice) } else { window };
        let taps = window.taps() * shape.pixels() * shape.c / groups / (stride.0 * stride.1);
        let Some(rest) = self.work.checked_sub((oc * taps) as u64) else { return Ok(src) };
        self.work = rest;
        self.add(Op::Conv2d(Conv2d { oc, groups, bias, window }), &[src])
    }

    /// A sum with constants, or both behind one another.
    fn constant(&mut self, src: NodeId, choice: usize) -> Result<NodeId, GraphError> {
        let Shape { c, h, w } = self.builder.shape(src);
        let constant = Op::Constant(if choice.is_multiple_of(3) { Shape::new(1, h, w) } else { Shape::new(c, h, w) });
        let constant = self.add(constant, &[])?;
        match choice / 4 % 3 {
            0 => self.add(Op::Concat, &[src, constant]),
            _ => self.add(Op::Binary(Arithmetic::Add), &[src, constant]),
        }
    }

    /// Values moved to other channels, rows and columns, by up to three nodes.
    fn moved(&mut self, src: NodeId, choice: usize) -> Result<NodeId, GraphError> {
        let mut last = src;
        for choice in [choice, choice / 16, choice / 256].into_iter().take(1 + choice % 3) {
            let shape @ Shape { c, h, w } = self.builder.shape(last);
            let op = if choice.is_multiple_of(2) {
                Op::Transpose(ORDERS[choice / 2 % 6])
            } else {
                let c = divisor(c * h * w, choice / 2);
                // Not many more rows and columns, and channels, than there were.
                let c = if c > 64 || shape.len() / c > 400 { shape.c } else { c };
                let h = divisor(shape.len() / c, choice / 4);
                Op::Reshape(Shape::new(c, h, shape.len() / c / h))
            };
            last = self.add(op, &[last])?;
        }
        let Shape { c, .. } = self.builder.shape(last);
        // Nodes that follow would be slow to interpret.
        if c > 100 { Ok(src) } else { Ok(last) }
    }

    /// Pixels moved, unless the map would grow large.
    fn rearranged(&mut self, src: NodeId, choice: usize) -> Result<NodeId, GraphError> {
        let shape = self.builder.shape(src);
        let side = |choice: usize| Padding { before: choice % 3, after: choice / 3 % 3 };
        let (rows, columns) = (side(choice / 8), side(choice / 72));
        let how = match choice % 8 {
            0..=2 if shape.pixels() <= 400 => Rearrange::Upsample { rows: 1 + choice / 8 % 3, columns: 1 + choice / 24 % 3 },
            3 | 4 if shape.c.is_multiple_of(4) => {
                let order = if (choice / 8).is_multiple_of(2) { DepthOrder::Dcr } else { DepthOrder::Crd };
                Rearrange::DepthToSpace { block: 2, order }
            }
            5 if shape.h > 4 && shape.w > 4 => Rearrange::Crop { rows, columns },
            _ => Rearrange::Pad { rows, columns },
        };
        self.add(Op::Rearrange(how), &[src])
    }

    fn batch_norm(&mut self, src: NodeId) -> Result<NodeId, GraphError> {
        if self.exact { Ok(src) } else { self.add(Op::BatchNorm { eps: 1e-3 }, &[src]) }
    }

    fn act(&mut self, src: NodeId, choice: usize) -> Result<NodeId, GraphError> {
        let fits = |act: &Activation| !self.exact || act.step().is_some();
        let acts: Vec<Activation> = Activation::every().filter(fits).collect();
        // Most are of the first, which the zoo has: rules for the others are the same.
        let drawn = if choice / 4096 % 4 < 3 { acts.len().min(5) } else { acts.len() };
        let act = acts[choice % drawn];
        let src = act.guard().map_or(Ok(src), |guard| self.add(Op::Activation(guard), &[src]))?;
        self.add(Op::Activation(act), &[src])
    }

    fn add(&mut self, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let id = self.builder.add(format!("n{}", self.nodes), op, inputs)?;
        self.nodes += 1;
        Ok(id)
    }
}

const ORDERS: [[usize; 3]; 6] = [[1, 2, 0], [0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1], [2, 0, 1]];

const KERNELS: [usize; 4] = [3, 5, 7, 1];

/// Padding of rows and of columns. For each, a number chooses a kind: 0 is the same on both sides, 1 TensorFlow's `SAME`, 2 the
/// reverse of that, 3 and 4 all on one side, 5 so much that windows lie wholly in it, which pools may not have; above 5 it is the same on both
/// sides again.
fn padding(shape: Shape, kernel: (usize, usize), stride: (usize, usize), rows: usize, columns: usize) -> (Padding, Padding) {
    let axis = |size, kernel, stride, kind| match kind {
        1 => Padding::same(size, kernel, stride),
        2 => Padding::same(size, kernel, stride).reversed(),
        3 => Padding { before: 0, after: kernel - 1 },
        4 => Padding { before: kernel - 1, after: 0 },
        5 => Padding { before: kernel, after: kernel + 1 },
        _ => Padding::both(kernel / 2),
    };
    (axis(shape.h, kernel.0, stride.0, rows), axis(shape.w, kernel.1, stride.1, columns))
}

/// Average pooling that counts all padding, none of it, or that in front.
fn averaging(window: Window, choice: usize) -> Op {
    let in_front = |padding: Padding| Padding { after: 0, ..padding };
    let (rows, columns) = window.padding;
    let counted = [(rows, columns), Padding::NONE, (in_front(rows), in_front(columns))][choice % 3];
    Op::AvgPool { window, counted }
}

/// A window with its taps apart, where it still fits the padded map.
fn dilated(shape: Shape, window: Window, choice: usize) -> Window {
    let dilated = Window { dilation: (1 + choice % 4, 1 + choice / 4 % 4), ..window };
    let (rows, columns) = dilated.axes();
    let fits = rows.outputs_over(shape.h).is_some() && columns.outputs_over(shape.w).is_some();
    if fits { dilated } else { window }
}

fn divisor(n: usize, choice: usize) -> usize {
    let divisors: Vec<usize> = (1..=n).filter(|d| n.is_multiple_of(*d)).collect();
    divisors[choice % divisors.len()]
}
