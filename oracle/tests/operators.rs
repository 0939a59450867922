//! Judges every operator on shapes at the edge: 1x1 maps, odd sizes, stride 2 at odd sizes, one channel, prime numbers of channels, groups,
//! windows larger than their map, batches.

use std::collections::BTreeMap;

use sartor::Tunings;
use sartor_kernels::report::checked;
use sartor_models::{
    Activation, Arithmetic, Builder, Conv2d, DepthOrder, Network, NodeId, Op, Padding, Rearrange, Reduction, Shape, Weights,
    Window,
};
use sartor_oracle::engines::{levels, quick};
use sartor_oracle::program::Programs;
use sartor_oracle::random::{input, weights};
use sartor_oracle::{Torch, wrong};
use tch::Tensor;

const BN: Op = Op::BatchNorm { eps: 1e-3 };
const SIZES: [(usize, usize); 7] = [(1, 1), (1, 9), (2, 2), (7, 7), (8, 8), (9, 5), (15, 13)];

fn conv(oc: usize, kernel: usize, stride: usize, groups: usize) -> Conv2d {
    Conv2d { oc, groups, bias: false, window: Window::square(kernel, stride, kernel / 2) }
}

/// A network of the nodes that `body` adds to an input. The last node is the output.
fn network(name: String, shape: Shape, body: impl FnOnce(&mut Builder) -> NodeId) -> Network {
    let mut net = Builder::new(name, shape).expect("input");
    let last = body(&mut net);
    net.finish(&[last]).expect("network")
}

/// A network with several outputs.
fn branches(name: String, shape: Shape, body: impl FnOnce(&mut Builder) -> Vec<NodeId>) -> Network {
    let mut net = Builder::new(name, shape).expect("input");
    let outputs = body(&mut net);
    net.finish(&outputs).expect("network")
}

fn chain(name: String, shape: Shape, ops: &[Op]) -> Network {
    network(name, shape, |net| {
        ops.iter().enumerate().fold(net.input(), |at, (i, &op)| net.add(format!("op{i}"), op, &[at]).expect("operator"))
    })
}

/// The verdicts on one engine over all networks.
#[derive(Default)]
struct Tally {
    checks: usize,
    worst: f64,
    faults: Vec<String>,
}

impl Tally {
    fn add(&mut self, torch: &Torch, batch: usize, values: Result<BTreeMap<NodeId, Tensor>, String>) {
        let name = &torch.network.name;
        match values {
            Ok(values) => {
                assert!(torch.network.outputs().iter().all(|id| values.contains_key(id)), "{name}: outputs");
                let verdicts = torch.judge_layers(&values);
                self.checks += verdicts.len();
                self.worst = verdicts.iter().map(|v| v.ratio).fold(self.worst, f64::max);
                self.faults.extend(wrong(&verdicts).iter().map(|fault| format!("{name} batch {batch}: {fault}")));
            }
            Err(why) => self.faults.push(format!("{name} batch {batch}: {why}")),
        }
    }

    fn finish(self, what: &str, engine: &str, level: Option<&str>) {
        println!("{engine}: {what}: {} maps, largest error {:.2} of the tolerance", self.checks, self.worst);
        assert!(self.faults.is_empty(), "{engine}: {what}:\n{}", self.faults.join("\n"));
        assert!(self.checks > 0, "{engine}: {what}: nothing was checked");
        if let Some(level) = level {
            checked(level, self.checks, what);
        }
    }
}

/// Judges every node of every network: in every engine that needs no compiler at batch 1 and 3, and in compiled programs at batch 3.
fn judge(what: &str, networks: &[Network]) {
    let weights: Vec<Weights> = networks.iter().zip(0..).map(|(network, seed)| weights(network, seed)).collect();
    let cases = || networks.iter().zip(&weights).enumerate();
    let images = |index: usize, batch| input(networks[index].input_shape(), batch, index as u64 + 1);
    for engine in quick() {
        let mut tally = Tally::default();
        for (index, (network, weights)) in cases() {
            let torch = Torch::new(network, weights);
            for batch in [1, 3] {
                tally.add(&torch, batch, engine.values(network, weights, &images(index, batch), batch));
            }
        }
        tally.finish(what, &engine.name(), engine.level());
    }
    let pairs: Vec<(&Network, &Weights)> = networks.iter().zip(&weights).collect();
    for level in levels() {
        let programs = Programs::build(level, &pairs, &Tunings::none()).unwrap_or_else(|why| panic!("{what} for {level}: {why}"));
        let mut tally = Tally::default();
        for (index, (network, weights)) in cases() {
            tally.add(&Torch::new(network, weights), 3, programs.values(index, network, &images(index, 3)));
        }
        tally.finish(what, &format!("programs for {level}"), Some(level.name()));
    }
}

#[test]
fn pointwise() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for (ic, oc) in [(1, 1), (1, 16), (3, 7), (17, 31), (16, 24), (64, 33), (97, 64), (960, 40)] {
            networks.push(chain(
                format!("pointwise {ic} to {oc} at {h}x{w}"),
                Shape::new(ic, h, w),
                &[Op::Conv2d(conv(oc, 1, 1, 1))],
            ));
        }
    }
    for act in Activation::ALL {
        let ops = [Op::Conv2d(Conv2d { bias: true, ..conv(29, 1, 1, 1) }), BN, Op::Activation(act)];
        networks.push(chain(format!("pointwise, {act:?}"), Shape::new(23, 7, 5), &ops));
    }
    networks.push(chain("pointwise, stride 2".into(), Shape::new(23, 7, 5), &[Op::Conv2d(conv(29, 1, 2, 1))]));
    judge("pointwise", &networks);
}

#[test]
fn depthwise() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2), (7, 1)] {
            for c in [1, 13, 16, 40] {
                let name = format!("depthwise {kernel}x{kernel} stride {stride}, {c} channels at {h}x{w}");
                networks.push(chain(name, Shape::new(c, h, w), &[Op::Conv2d(conv(c, kernel, stride, c))]));
            }
        }
    }
    for act in Activation::ALL {
        let ops = [Op::Conv2d(Conv2d { bias: true, ..conv(19, 3, 2, 19) }), BN, Op::Activation(act)];
        networks.push(chain(format!("depthwise, {act:?}"), Shape::new(19, 9, 7), &ops));
    }
    judge("depthwise", &networks);
}

#[test]
fn direct() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for (ic, oc, kernel, stride) in
            [(3, 32, 3, 2), (3, 24, 3, 2), (1, 1, 3, 1), (3, 10, 5, 2), (17, 11, 3, 1), (32, 16, 3, 2)]
        {
            let name = format!("convolution {ic} to {oc}, {kernel}x{kernel} stride {stride} at {h}x{w}");
            networks.push(chain(name, Shape::new(ic, h, w), &[Op::Conv2d(conv(oc, kernel, stride, 1))]));
        }
    }
    let uneven = Conv2d { window: Window::new((1, 3), (2, 1), (Padding::both(0), Padding::both(1))), ..conv(9, 3, 1, 1) };
    networks.push(chain("convolution 1x3 stride 2x1".into(), Shape::new(5, 7, 6), &[Op::Conv2d(uneven)]));
    let unpadded = Conv2d { window: Window::square(3, 2, 0), ..conv(9, 3, 2, 1) };
    networks.push(chain("convolution without padding".into(), Shape::new(5, 8, 7), &[Op::Conv2d(unpadded)]));
    judge("convolution", &networks);
}

#[test]
fn grouped() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for (ic, oc, groups) in [(6, 4, 2), (24, 60, 3), (60, 216, 3), (68, 272, 4), (48, 96, 8), (34, 2, 2), (9, 18, 9)] {
            let name = format!("pointwise {ic} to {oc} in {groups} groups at {h}x{w}");
            networks.push(chain(name, Shape::new(ic, h, w), &[Op::Conv2d(conv(oc, 1, 1, groups))]));
        }
        let name = format!("convolution 12 to 8 in 2 groups, 3x3 stride 2 at {h}x{w}");
        networks.push(chain(name, Shape::new(12, h, w), &[Op::Conv2d(conv(8, 3, 2, 2))]));
    }
    judge("grouped convolution", &networks);
}

#[test]
fn pools() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for c in [1, 24, 37] {
            for (kernel, stride, padding) in [(3, 2, 1), (2, 2, 0), (3, 1, 1)] {
                if h < kernel - 2 * padding || w < kernel - 2 * padding {
                    continue;
                }
                let pool = Window::square(kernel, stride, padding);
                for (name, op) in [("max", Op::MaxPool(pool)), ("average", Op::avg_pool(pool))] {
                    let name = format!("{name} pool {kernel}x{kernel} stride {stride}, {c} channels at {h}x{w}");
                    networks.push(chain(name, Shape::new(c, h, w), &[op]));
                }
            }
            for reduction in Reduction::ALL {
                let name = format!("{} of {c} channels at {h}x{w}", reduction.word());
                networks.push(chain(name, Shape::new(c, h, w), &[Op::Reduce(reduction)]));
            }
            let whole = Window::new((h, w), (1, 1), Padding::NONE);
            networks.push(chain(
                format!("max pool of all {h}x{w} pixels, {c} channels"),
                Shape::new(c, h, w),
                &[Op::MaxPool(whole)],
            ));
        }
    }
    judge("pooling", &networks);
}

/// Windows whose taps lie apart, by less and by more than the map has rows or columns.
#[test]
fn dilated() {
    let mut networks = Vec::new();
    for (h, w) in [(5, 4), (13, 17)] {
        for (kernel, stride, dilation) in [(3, 1, (2, 2)), (3, 2, (1, 3)), (2, 1, (5, 1)), (3, 1, (12, 4))] {
            let padding = (Padding::both((kernel - 1) * dilation.0 / 2), Padding::both((kernel - 1) * dilation.1 / 2));
            let window = Window { dilation, ..Window::new((kernel, kernel), (stride, stride), padding) };
            for (name, c, oc, groups) in [
                ("convolution", 3, 17, 1),
                ("convolution of a map", 17, 5, 1),
                ("convolution in groups", 12, 8, 2),
                ("depthwise", 24, 24, 24),
            ] {
                let name = format!("{name} {window:?} at {h}x{w}");
                networks.push(chain(
                    name,
                    Shape::new(c, h, w),
                    &[Op::Conv2d(Conv2d { window, ..conv(oc, kernel, stride, groups) })],
                ));
            }
            if kernel == 3 {
                networks.push(chain(format!("max pool {window:?} at {h}x{w}"), Shape::new(13, h, w), &[Op::MaxPool(window)]));
            }
        }
    }
    judge("dilated window", &networks);
}

/// Enlarged maps, blocks of channels, and rows and columns of zeros added or taken away; the blocks also after a convolution.
#[test]
fn moved_pixels() {
    let mut networks = Vec::new();
    let (front, both) = (Padding { before: 2, after: 0 }, Padding { before: 1, after: 2 });
    for (h, w) in [(1, 1), (3, 4), (9, 5)] {
        for c in [1, 15, 16, 17] {
            let upsamples = [(2, 2), (1, 3), (4, 1)].map(|(rows, columns)| Rearrange::Upsample { rows, columns });
            let pads =
                [(front, both), (both.reversed(), Padding::both(0))].map(|(rows, columns)| Rearrange::Pad { rows, columns });
            let crop = Rearrange::Crop { rows: front, columns: both };
            for how in upsamples.into_iter().chain(pads).chain((h > 2 && w > 3).then_some(crop)) {
                networks.push(chain(format!("{how:?} of {c} channels at {h}x{w}"), Shape::new(c, h, w), &[Op::Rearrange(how)]));
            }
            for (block, order) in [(2, DepthOrder::Dcr), (2, DepthOrder::Crd), (3, DepthOrder::Dcr)] {
                let how = Op::Rearrange(Rearrange::DepthToSpace { block, order });
                let channels = c * block * block;
                networks.push(chain(format!("{how:?} to {c} channels at {h}x{w}"), Shape::new(channels, h, w), &[how]));
                let ops = [Op::Conv2d(conv(channels, 3, 1, 1)), Op::Activation(Activation::Sigmoid), how];
                networks.push(chain(format!("convolution, {how:?} to {c} channels at {h}x{w}"), Shape::new(3, h, w), &ops));
            }
        }
    }
    judge("moved pixels", &networks);
}

/// Windows whose sides are padded differently: TensorFlow's `SAME`, its reverse, and all on one side.
#[test]
fn uneven_padding() {
    let mut networks = Vec::new();
    for (h, w) in [(1, 1), (2, 2), (8, 8), (9, 5)] {
        for (kernel, stride) in [(3, 2), (5, 2), (7, 3)] {
            let same = |size| Padding::same(size, kernel, stride);
            let behind = Padding { before: 0, after: kernel - 1 };
            let paddings = [
                ("as TensorFlow", (same(h), same(w))),
                ("as TensorFlow, reversed", (same(h).reversed(), same(w).reversed())),
                ("behind and in front", (behind, behind.reversed())),
            ];
            for (what, padding) in paddings {
                for (name, c, conv) in [
                    ("convolution", 3, conv(17, kernel, stride, 1)),
                    ("convolution of a map", 17, conv(5, kernel, stride, 1)),
                    ("depthwise", 24, conv(24, kernel, stride, 24)),
                ] {
                    let name = format!("{name} {kernel}x{kernel} stride {stride} padded {what} at {h}x{w}");
                    networks.push(chain(
                        name,
                        Shape::new(c, h, w),
                        &[Op::Conv2d(Conv2d { window: Window { padding, ..conv.window }, ..conv })],
                    ));
                }
                let window = Window { padding, ..Window::square(kernel, stride, 0) };
                let front = |padding: Padding| Padding { after: 0, ..padding };
                // Large windows make much code, and padding that does not count differs in the factors only.
                let counts_less = if kernel == 3 { 4 } else { 2 };
                let pools = [
                    ("max pool", Op::MaxPool(window)),
                    ("average pool that counts all padding", Op::avg_pool(window)),
                    ("average pool that counts no padding", Op::AvgPool { window, counted: Padding::NONE }),
                    (
                        "average pool that counts padding in front",
                        Op::AvgPool { window, counted: (front(padding.0), front(padding.1)) },
                    ),
                ];
                for (name, op) in pools.into_iter().take(counts_less) {
                    let name = format!("{name}, {kernel}x{kernel} stride {stride} padded {what} at {h}x{w}");
                    networks.push(chain(name, Shape::new(13, h, w), &[op]));
                }
            }
        }
    }
    judge("uneven padding", &networks);
}

#[test]
fn heads() {
    let mut networks = Vec::new();
    for (c, out) in [(1, 1), (17, 10), (1280, 1000), (100, 3)] {
        for bias in [false, true] {
            let linear = Op::Linear { out, bias };
            networks.push(chain(format!("linear {c} to {out}"), Shape::new(c, 1, 1), &[linear]));
            for log in [false, true] {
                let ops = [Op::Reduce(Reduction::Mean), linear, Op::Softmax { log }];
                networks.push(chain(format!("pool, linear {c} to {out}, {ops:?}"), Shape::new(c, 7, 7), &ops));
                let ops = [Op::Conv2d(conv(out, 1, 1, 1)), Op::Softmax { log }];
                networks.push(chain(format!("{c} to {out}, {ops:?}"), Shape::new(c, 2, 3), &ops));
            }
        }
    }
    judge("classifier", &networks);
}

#[test]
fn elementwise() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for c in [1, 13, 32] {
            // One of each kind at every size, all at one: kernels of other sizes repeat the same steps.
            let whole = (h, w, c) == (7, 7, 13);
            for act in Activation::every().enumerate().filter(|(index, _)| whole || *index < 5).map(|(_, act)| act) {
                let ops: Vec<Op> = act.guard().into_iter().chain([act]).map(Op::Activation).collect();
                networks.push(chain(format!("{act:?}, {c} channels at {h}x{w}"), Shape::new(c, h, w), &ops));
            }
            networks.push(chain(format!("batch norm, {c} channels at {h}x{w}"), Shape::new(c, h, w), &[BN]));
        }
    }
    judge("elementwise", &networks);
}

#[test]
fn shortcuts_and_gates() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for (ic, oc) in [(1, 1), (16, 16), (13, 21), (16, 33), (27, 38)] {
            networks.push(network(format!("partial shortcut {ic} into {oc} at {h}x{w}"), Shape::new(ic, h, w), |net| {
                let y = net.add("project", Op::Conv2d(conv(oc, 1, 1, 1)), &[net.input()]).unwrap();
                net.add("add", Op::Add, &[y, net.input()]).unwrap()
            }));
        }
        for c in [1, 13, 36] {
            networks.push(network(format!("gate of {c} channels at {h}x{w}"), Shape::new(c, h, w), |net| {
                let x = net.add("dw", Op::Conv2d(conv(c, 3, 1, c)), &[net.input()]).unwrap();
                let bias = |oc| Op::Conv2d(Conv2d { bias: true, ..conv(oc, 1, 1, 1) });
                let ops = [
                    Op::Reduce(Reduction::Mean),
                    bias(3),
                    BN,
                    Op::Activation(Activation::Relu),
                    bias(c),
                    Op::Activation(Activation::Sigmoid),
                ];
                let gate = ops.into_iter().enumerate().fold(x, |at, (i, op)| net.add(format!("se{i}"), op, &[at]).unwrap());
                let gated = net.add("mul", Op::Binary(Arithmetic::Mul), &[x, gate]).unwrap();
                let act = net.add("act", Op::Activation(Activation::Relu6), &[gated]).unwrap();
                net.add("project", Op::Conv2d(conv(11, 1, 1, 1)), &[act]).unwrap()
            }));
        }
    }
    judge("shortcuts and gates", &networks);
}

#[test]
fn shuffles_and_concatenations() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for (ic, oc, groups) in [(6, 12, 2), (24, 60, 3), (17, 34, 1), (24, 68, 4), (24, 96, 8)] {
            networks.push(network(
                format!("shuffle unit {ic} to {oc} in {groups} groups at {h}x{w}"),
                Shape::new(ic, h, w),
                |net| {
                    let halve = Window::square(3, 2, 1);
                    let mid = groups * 4;
                    let ops = [
                        Op::Conv2d(conv(mid, 1, 1, if ic % groups == 0 { groups } else { 1 })),
                        Op::Activation(Activation::Relu),
                        Op::ChannelShuffle { groups },
                        Op::Conv2d(conv(mid, 3, 2, mid)),
                        BN,
                        Op::Conv2d(conv(oc - oc % groups, 1, 1, groups)),
                    ];
                    let y = ops
                        .into_iter()
                        .enumerate()
                        .fold(net.input(), |at, (i, op)| net.add(format!("op{i}"), op, &[at]).unwrap());
                    let pooled = net.add("pool", Op::avg_pool(halve), &[net.input()]).unwrap();
                    let cat = net.add("cat", Op::Concat, &[pooled, y]).unwrap();
                    let cat = net.add("relu", Op::Activation(Activation::Relu), &[cat]).unwrap();
                    net.add("next", Op::Conv2d(conv(16, 1, 1, 1)), &[cat]).unwrap()
                },
            ));
        }
    }
    judge("shuffles and concatenations", &networks);
}

/// Heads of detectors: at two scales, boxes and shares of classes of each anchor, and all together.
#[test]
fn detection_heads() {
    let mut networks = Vec::new();
    for (h, w) in [(1, 1), (2, 3), (7, 5)] {
        for (c, anchors, classes) in [(3, 1, 1), (16, 3, 5), (17, 2, 21)] {
            let mut net =
                Builder::new(format!("{anchors} anchors of {classes} classes at {h}x{w}"), Shape::new(c, h, w)).unwrap();
            let near = net.add("near", Op::Conv2d(conv(c, 3, 1, 1)), &[net.input()]).unwrap();
            let far = net.add("far", Op::MaxPool(Window::square(3, 2, 1)), &[near]).unwrap();
            let mut head = |what: &str, values: usize| {
                let scales = [near, far].map(|scale| {
                    let name = |step: &str| format!("{what}.{}.{step}", scale.0);
                    let maps = net.add(name("conv"), Op::Conv2d(conv(anchors * values, 1, 1, 1)), &[scale]).unwrap();
                    let turned = net.add(name("turned"), Op::Transpose([1, 2, 0]), &[maps]).unwrap();
                    let all = net.shape(maps).len() / values;
                    net.add(name("anchors"), Op::Reshape(Shape::new(all, values, 1)), &[turned]).unwrap()
                });
                net.add(format!("{what}.all"), Op::Concat, &scales).unwrap()
            };
            let (boxes, scores) = (head("boxes", 4), head("classes", classes));
            let first = net.add("first", Op::Transpose([1, 0, 2]), &[scores]).unwrap();
            let shares = net.add("shares", Op::Softmax { log: false }, &[first]).unwrap();
            let back = net.add("back", Op::Transpose([1, 0, 2]), &[shares]).unwrap();
            let flat = net.add("flat", Op::Reshape(Shape::new(net.shape(boxes).len(), 1, 1)), &[boxes]).unwrap();
            networks.push(net.finish(&[back, boxes, near, shares, flat]).unwrap());
        }
    }
    judge("detection heads", &networks);
}

/// Maps whose values are moved, that are shares of channels, or that are constant, between layers that compute.
#[test]
fn inside_networks() {
    let mut networks = Vec::new();
    for (c, h, w) in [(1, 1, 1), (17, 3, 5), (16, 4, 4), (40, 7, 2), (3, 8, 9)] {
        for order in [[1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]] {
            let name = format!("{order:?} of {c} channels at {h}x{w}");
            networks.push(branches(name, Shape::new(3, h, w), |net| {
                let src = net.add("src", Op::Conv2d(conv(c, 1, 1, 1)), &[net.input()]).unwrap();
                let turned = net.add("turned", Op::Transpose(order), &[src]).unwrap();
                let mixed = net.add("mixed", Op::Conv2d(conv(5, 1, 1, 1)), &[turned]).unwrap();
                let Shape { h, w, .. } = net.shape(mixed);
                let shaped = net.add("shaped", Op::Reshape(Shape::new(h * w, 5, 1)), &[mixed]).unwrap();
                let crooked = net.add("crooked", Op::Reshape(Shape::new(5 * w, h, 1)), &[mixed]).unwrap();
                let relu = Op::Activation(Activation::Relu);
                [shaped, crooked].map(|node| net.add(format!("act{}", node.0), relu, &[node]).unwrap()).to_vec()
            }));
        }
        for log in [false, true] {
            let name = format!("shares of {c} channels at {h}x{w}, log {log}");
            networks.push(branches(name, Shape::new(3, h, w), |net| {
                let src = net.add("src", Op::Conv2d(conv(c, 1, 1, 1)), &[net.input()]).unwrap();
                let shares = net.add("shares", Op::Softmax { log }, &[src]).unwrap();
                let grid = net.add("grid", Op::Constant(Shape::new(1, h, w)), &[]).unwrap();
                let own = net.add("own", Op::Constant(Shape::new(c, h, w)), &[]).unwrap();
                let scaled = net.add("scaled", Op::Binary(Arithmetic::Mul), &[shares, grid]).unwrap();
                let moved = net.add("moved", Op::Add, &[scaled, own]).unwrap();
                vec![net.add("all", Op::Concat, &[moved, grid, own]).unwrap(), grid]
            }));
        }
    }
    judge("inside networks", &networks);
}

/// All arithmetic with second operands of all shapes, followed by an activation or by nothing. Divisors are sigmoids.
#[test]
fn arithmetic() {
    let mut networks = Vec::new();
    for (h, w, c) in [(1, 1, 1), (1, 1, 17), (3, 5, 1), (7, 5, 15), (4, 4, 16), (9, 5, 29)] {
        for op in Arithmetic::ALL {
            networks.push(network(format!("{op:?} of {c} channels at {h}x{w}"), Shape::new(3, h, w), |net| {
                let a = net.add("a", Op::Conv2d(conv(c, 1, 1, 1)), &[net.input()]).unwrap();
                let b = net.add("b", Op::Conv2d(conv(c, 3, 1, 1)), &[net.input()]).unwrap();
                let [mut a, mut b] = [a, b];
                if op.divides() {
                    [a, b] = [a, b].map(|x| net.add(format!("share{}", x.0), Op::Activation(Activation::Sigmoid), &[x]).unwrap());
                }
                let gate = net.add("gate", Op::Reduce(Reduction::Mean), &[b]).unwrap();
                let pixel = net.add("pixel", Op::Slice { begin: c / 2, len: 1 }, &[b]).unwrap();
                let one = net.add("one", Op::Reduce(Reduction::Mean), &[pixel]).unwrap();
                let results = [b, gate, pixel, one].map(|second| {
                    let result = net.add(format!("op{}", second.0), Op::Binary(op), &[a, second]).unwrap();
                    let act = net.add(format!("act{}", second.0), Op::Activation(Activation::HardSwish), &[result]).unwrap();
                    let again = net.add(format!("again{}", second.0), Op::Binary(op), &[a, second]).unwrap();
                    net.add(format!("both{}", second.0), Op::Concat, &[act, again]).unwrap()
                });
                net.add("all", Op::Concat, &results).unwrap()
            }));
        }
    }
    judge("arithmetic", &networks);
}

/// Parts of maps, of the image and of concatenations, read by everything that reads maps.
#[test]
fn slices() {
    let mut networks = Vec::new();
    for (h, w) in SIZES {
        for (c, begin, len) in [(2, 1, 1), (17, 0, 16), (17, 1, 16), (33, 15, 17), (40, 13, 1), (48, 16, 32)] {
            let slice = Op::Slice { begin, len };
            let name = |what: &str| format!("{what} of {len} channels of {c} from {begin} on at {h}x{w}");
            let pool = Op::MaxPool(Window::square(3, 1, 1));
            for (what, ops) in [
                ("slice of an image", vec![slice]),
                ("convolution", vec![Op::Conv2d(conv(c, 1, 1, 1)), slice, Op::Conv2d(conv(21, 1, 1, 1))]),
                ("depthwise", vec![Op::Conv2d(conv(c, 1, 1, 1)), slice, Op::Conv2d(conv(len, 3, 1, len))]),
                ("slice of a pool", vec![pool, Op::ChannelShuffle { groups: 1 }, slice, Op::Activation(Activation::Sigmoid)]),
            ] {
                networks.push(chain(name(what), Shape::new(c, h, w), &ops));
            }
            networks.push(network(name("halves"), Shape::new(3, h, w), |net| {
                let x = net.add("stem", Op::Conv2d(conv(c, 1, 1, 1)), &[net.input()]).unwrap();
                let part = net.add("part", slice, &[x]).unwrap();
                let branch = net.add("branch", Op::Conv2d(conv(c, 3, 1, 1)), &[part]).unwrap();
                let cat = net.add("cat", Op::Concat, &[part, branch, x]).unwrap();
                let again = net.add("again", Op::Slice { begin: begin + 1, len: c }, &[cat]).unwrap();
                net.add("sum", Op::Add, &[again, part]).unwrap()
            }));
        }
    }
    judge("slices", &networks);
}

/// Maps wide enough for the compiler to run the layers of a block together, strip by strip.
#[test]
fn inverted_residuals() {
    let mut networks = Vec::new();
    for (h, w) in [(9, 9), (13, 17), (28, 28), (30, 11)] {
        for (ic, hidden, oc, kernel, stride) in [(8, 48, 8, 3, 1), (13, 78, 19, 3, 1), (16, 64, 24, 5, 2), (3, 18, 5, 3, 2)] {
            let name = format!("inverted residual {ic}-{hidden}-{oc}, {kernel}x{kernel} stride {stride} at {h}x{w}");
            networks.push(network(name, Shape::new(3, h, w), |net| {
                let x = net.add("stem", Op::Conv2d(conv(ic, 3, 1, 1)), &[net.input()]).unwrap();
                let (expand, depthwise) = (Op::Conv2d(conv(hidden, 1, 1, 1)), Op::Conv2d(conv(hidden, kernel, stride, hidden)));
                let ops = [
                    expand,
                    BN,
                    Op::Activation(Activation::Silu),
                    depthwise,
                    BN,
                    Op::Activation(Activation::Relu6),
                    Op::Conv2d(conv(oc, 1, 1, 1)),
                    BN,
                ];
                let y = ops.into_iter().enumerate().fold(x, |at, (i, op)| net.add(format!("op{i}"), op, &[at]).unwrap());
                if stride == 1 { net.add("add", Op::Add, &[y, x]).unwrap() } else { y }
            }));
        }
    }
    judge("inverted residuals", &networks);
}
