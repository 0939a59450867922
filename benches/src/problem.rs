//! The layers that are measured. A rule chooses them from the zoo, so no list can go stale.

use std::collections::BTreeMap;

use sartor::codegen::layout::MapId;
use sartor::codegen::network::layers::{Binary, Layer, LayerOp, Layers, PoolKind};
use sartor::codegen::network::line::problem_line;
use sartor::codegen::network::normalize::normalize;
use sartor::kernels::shape::Axis;
use sartor::models::zoo::Spec;
use sartor::models::{Activation, Arithmetic, Builder, Conv2d, GraphError, Op, Reduction, Shape, Spread, Window};
use sartor::{Network, Weights};

/// The networks whose layers are measured: one of each family that brings kernels of its own.
pub const NETWORKS: [&str; 3] = ["mobilenet_v2_x1.0", "rexnet_x1.0", "shufflenet_v1_g3_x1.0"];

/// Name of the node under measurement.
pub const TARGET: &str = "target";
/// Name of its activation.
pub const ACT: &str = "act";
/// Name of the node that brings the images into a map of the program, where the layer does not read the images themselves.
pub const FEED: &str = "feed";

/// A kernel family: a group of benches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// 1x1 convolutions.
    Pointwise,
    /// Convolutions of each channel by itself.
    Depthwise,
    /// Other dense convolutions: the stems.
    Direct,
    /// Max and average over windows.
    Pool,
    /// Mean over the map.
    Mean,
    /// Products with a gate.
    Scale,
    /// 1x1 convolutions of 1x1 maps.
    Linear,
}

impl Family {
    /// All families.
    pub const ALL: [Family; 7] =
        [Family::Pointwise, Family::Depthwise, Family::Direct, Family::Pool, Family::Mean, Family::Scale, Family::Linear];

    /// Name of the group of benches.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Pointwise => "pointwise",
            Family::Depthwise => "depthwise",
            Family::Direct => "direct",
            Family::Pool => "pool",
            Family::Mean => "mean",
            Family::Scale => "scale",
            Family::Linear => "linear",
        }
    }

    /// The family of a layer. Sums, other arithmetic and single activations have none, because the convolutions of these networks compute them.
    fn of(layers: &Layers, layer: &Layer) -> Option<Self> {
        let dst = &layers[layer.dst()];
        match &layer.op {
            LayerOp::Conv(_) if layer.is_pointwise() && (dst.h, dst.w) == (1, 1) => Some(Family::Linear),
            LayerOp::Conv(_) if layer.is_pointwise() => Some(Family::Pointwise),
            LayerOp::Conv(_) => Some(Family::Direct),
            LayerOp::Depthwise(_) => Some(Family::Depthwise),
            LayerOp::Pool(_) => Some(Family::Pool),
            LayerOp::Reduce(_) => Some(Family::Mean),
            LayerOp::Binary(Binary { op: Arithmetic::Mul, spread: Spread::Gate, .. }) => Some(Family::Scale),
            LayerOp::Binary(_)
            | LayerOp::Rearrange(_)
            | LayerOp::Move(_)
            | LayerOp::Constant(_)
            | LayerOp::Softmax(_)
            | LayerOp::IntoTiles(_)
            | LayerOp::FromTiles(_)
            | LayerOp::Add(_)
            | LayerOp::Activation(_) => None,
        }
    }
}

/// What a call does, for throughput.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Bytes of the maps read and written, where there are no multiply-accumulates.
    Bytes(u64),
    /// Floating-point operations: two for each multiply-accumulate that meets a value. Padding does not count, neither of lanes
    /// nor of borders: a kernel that skips it would otherwise exceed the peak.
    Flops(u64),
}

/// A layer by itself: an operator, then perhaps an activation. Shortcuts are left out.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The kernel family.
    pub family: Family,
    /// The problem in oneDNN's notation, without the layer's name.
    pub line: String,
    /// What a call does.
    pub work: Work,
    /// Shape of the map it reads.
    pub src: Shape,
    /// Whether that is the user's image.
    pub reads_image: bool,
    /// The operator.
    pub op: Op,
    /// Applied last.
    pub act: Option<Activation>,
}

impl Problem {
    fn of(layers: &Layers, layer: &Layer) -> Option<Self> {
        let family = Family::of(layers, layer)?;
        let of_map = |id: MapId| Shape::new(layers[id].c, layers[id].h, layers[id].w);
        let source = layer.sources()[0];
        let (mut src, mut dst) = (of_map(source), of_map(layer.dst()));
        let (op, act) = match &layer.op {
            LayerOp::Conv(conv) => {
                (src.c, dst.c) = (conv.src_lanes.len(), conv.oc);
                (Op::Conv2d(Conv2d { oc: conv.oc, groups: conv.groups, bias: true, window: conv.window }), conv.act)
            }
            LayerOp::Depthwise(depthwise) => {
                let c = depthwise.c;
                (src.c, dst.c) = (c, c);
                (Op::Conv2d(Conv2d { oc: c, groups: c, bias: true, window: depthwise.window }), depthwise.act)
            }
            LayerOp::Pool(pool) => {
                dst.c = src.c;
                let op = match pool.kind {
                    PoolKind::Max => Op::MaxPool(pool.window),
                    PoolKind::Average { counted } => Op::AvgPool { window: pool.window, counted },
                };
                (op, pool.act)
            }
            LayerOp::Reduce(reduce) => (Op::Reduce(reduce.reduction), None),
            LayerOp::Binary(Binary { op, spread: Spread::Gate, act, .. }) => (Op::Binary(*op), *act),
            LayerOp::Binary(_)
            | LayerOp::Rearrange(_)
            | LayerOp::Move(_)
            | LayerOp::Constant(_)
            | LayerOp::Softmax(_)
            | LayerOp::IntoTiles(_)
            | LayerOp::FromTiles(_)
            | LayerOp::Add(_)
            | LayerOp::Activation(_) => return None,
        };
        let work = match op {
            Op::Conv2d(conv) => Work::Flops(2 * macs(src, dst, &conv)),
            _ => Work::Bytes(4 * (src.len() + dst.len()) as u64),
        };
        let line = problem_line(layers, layer, 1);
        let line = line.split_once("_n\"").map_or(line.as_str(), |(problem, _)| problem).to_string();
        Some(Self { family, line, work, src, reads_image: source == MapId(0), op, act })
    }

    /// The network of this layer alone. Where the layer does not read the images, a 1x1 convolution of a one-channel image
    /// makes the map it reads, and is an output so that it gets a stage of its own.
    ///
    /// # Errors
    /// If the layer cannot stand alone: a defect.
    pub fn network(&self) -> Result<Network, GraphError> {
        let image = if self.reads_image { self.src } else { Shape { c: 1, ..self.src } };
        let mut builder = Builder::new(self.line.clone(), image)?;
        let mut src = builder.input();
        let mut outputs = Vec::new();
        if !self.reads_image {
            let point = Conv2d { oc: self.src.c, groups: 1, bias: false, window: Window::POINT };
            src = builder.add(FEED, Op::Conv2d(point), &[src])?;
            outputs.push(src);
        }
        let mut target = match self.op {
            Op::Binary(_) => {
                let gate = builder.add("gate", Op::Reduce(Reduction::Mean), &[src])?;
                builder.add(TARGET, self.op, &[src, gate])?
            }
            _ => builder.add(TARGET, self.op, &[src])?,
        };
        if let Some(act) = self.act {
            target = builder.add(ACT, Op::Activation(act), &[target])?;
        }
        outputs.push(target);
        builder.finish(&outputs)
    }
}

/// Multiply-accumulates that meet no padding.
fn macs(src: Shape, dst: Shape, conv: &Conv2d) -> u64 {
    let (rows, columns) = conv.window.axes();
    let taps = |axis: Axis, src, dst| (0..dst).map(|o| axis.taps(o, src).len()).sum::<usize>();
    (taps(rows, src.h, dst.h) * taps(columns, src.w, dst.w) * conv.oc * (src.c / conv.groups)) as u64
}

/// The problems, in the order of families and sizes: of all layers of [`NETWORKS`] that agree in family, operator, window and
/// size of the result (of the source, for means), the one with most work.
///
/// # Panics
/// If the zoo does not build or normalise: a defect.
pub fn problems() -> Vec<Problem> {
    let mut most: BTreeMap<_, Problem> = BTreeMap::new();
    for name in NETWORKS {
        let spec: Spec = name.parse().expect("a name of the zoo");
        let network = spec.build().expect("a network of the zoo");
        let layers = normalize(&network, &Weights::random(&network, 0)).expect("a network that compiles");
        for layer in &layers.layers {
            let Some(problem) = Problem::of(&layers, layer) else { continue };
            let dst = &layers[layer.dst()];
            let size = if problem.family == Family::Mean { (problem.src.h, problem.src.w) } else { (dst.h, dst.w) };
            let window = match problem.op {
                Op::Conv2d(conv) => (0, conv.window.kernel, conv.window.stride),
                Op::MaxPool(window) => (1, window.kernel, window.stride),
                Op::AvgPool { window, .. } => (2, window.kernel, window.stride),
                _ => (3, (0, 0), (0, 0)),
            };
            let key = (problem.family, std::cmp::Reverse(size), window);
            let best = most.entry(key).or_insert_with(|| problem.clone());
            if problem.work > best.work {
                *best = problem;
            }
        }
    }
    most.into_values().collect()
}

#[cfg(test)]
mod tests {
    use sartor::Level;
    use sartor::codegen::compile::plan;
    use sartor::codegen::network::pack::pack;
    use sartor::codegen::schedule::Options;
    use sartor::models::Padding;

    use super::*;

    #[test]
    fn every_family_is_measured() {
        let problems = problems();
        for family in Family::ALL {
            assert!(problems.iter().any(|problem| problem.family == family), "{}", family.name());
        }
        let of = |family| problems.iter().filter(|problem| problem.family == family).count();
        // Maps of 112, 56, 28, 14 and 7 pixels.
        assert_eq!(of(Family::Pointwise), 5);
        assert!(of(Family::Depthwise) >= 5);
    }

    #[test]
    fn no_layer_of_the_networks_is_without_a_family() {
        for name in NETWORKS {
            let network = name.parse::<Spec>().unwrap().build().unwrap();
            let layers = normalize(&network, &Weights::random(&network, 0)).unwrap();
            for layer in &layers.layers {
                assert!(Problem::of(&layers, layer).is_some(), "{name}: {}", layer.name);
            }
        }
    }

    #[test]
    fn every_problem_has_a_stage_of_its_own_at_every_level() {
        for problem in problems() {
            let network = problem.network().unwrap();
            let layers = normalize(&network, &Weights::random(&network, 0)).unwrap();
            let packed = pack(&layers);
            for level in Level::ALL {
                let plan = plan(&layers, &packed, &Options::new(level)).unwrap();
                let report = plan.report();
                let target = report.iter().find(|row| row.name == TARGET).unwrap();
                assert_eq!(report.iter().filter(|row| row.stage == target.stage).count(), 1, "{} {level}", problem.line);
                assert!(target.problem.starts_with(&format!("{}_n", problem.line)), "{} for {}", target.problem, problem.line);
                if let (Work::Flops(flops), Op::Conv2d(conv)) = (problem.work, problem.op) {
                    // The report also counts the products with padding.
                    assert!(flops <= 2 * target.macs, "{}", problem.line);
                    assert_eq!(flops == 2 * target.macs, conv.window.padding == Padding::around(0), "{}", problem.line);
                }
            }
        }
    }
}
