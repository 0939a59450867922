//! The engines that are compared. Each computes a problem on the same numbers.

use sartor::kernels::generic::{self, PackedConv, PackedDepthwise, map_len};
use sartor::kernels::reference;
use sartor::kernels::shape::{Conv, Maps};
use sartor::measure::bench::test_input;
use sartor::models::{Activation, Arithmetic, Conv2d, Op, Reduction, Shape};
use sartor::{CompileError, Level, Model, Weights};

use crate::problem::{FEED, Problem, TARGET};

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The kernel compiled for this shape.
    Specialised,
    /// The same operator at run-time shapes, at the same level.
    Generic,
    /// Plain loops in f64.
    Reference,
}

impl Engine {
    /// All engines, fastest first.
    pub const ALL: [Engine; 3] = [Engine::Specialised, Engine::Generic, Engine::Reference];

    /// Its name in the benches.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Specialised => "specialised",
            Engine::Generic => "generic",
            Engine::Reference => "reference",
        }
    }

    /// Makes a problem ready to run. Packing weights and maps is done here, once, as it is before any inference.
    ///
    /// # Errors
    /// If the specialised kernel does not compile.
    ///
    /// # Panics
    /// If the result is not the reference's, because the time of a wrong result means nothing.
    pub fn open(self, problem: &Problem, level: Level) -> Result<Runner, CompileError> {
        let data = Data::of(problem);
        let mut runner = match self {
            Engine::Specialised => specialised(problem, &data, level)?,
            Engine::Generic => generic(problem, &data, level),
            Engine::Reference => return Ok(Runner { run: Box::new(move || drop(data.reference())), result: Vec::new() }),
        };
        runner.run();
        let expected = data.reference();
        let (error, at) = reference::bound::largest_error(&runner.result, &expected);
        // Far above rounding and far below any mistake. `verify` and the tests are stricter.
        let tolerance = 1e-4 * reference::bound::max_abs(&expected).max(1.0);
        assert!(error <= tolerance, "{} {}: value {at} is off by {error:e}", self.name(), problem.line);
        Ok(runner)
    }
}

/// A problem ready to run.
pub struct Runner {
    run: Box<dyn FnMut()>,
    /// NCHW, of a run before this was made.
    result: Vec<f32>,
}

impl Runner {
    /// Computes the layer once.
    pub fn run(&mut self) {
        (self.run)();
    }
}

/// What all engines compute with; NCHW.
struct Data {
    op: Op,
    act: Option<Activation>,
    maps: Maps,
    /// The user's image.
    image: Vec<f32>,
    /// The map that the layer reads.
    src: Vec<f32>,
    gate: Vec<f32>,
    weights: Weights,
}

impl Data {
    fn of(problem: &Problem) -> Self {
        let network = problem.network().expect("problems are networks");
        let weights = Weights::random(&network, 0);
        let Shape { c, h, w } = problem.src;
        let maps = Maps::new(1, c, h, w);
        let image = test_input(network.input_shape().len());
        let src = match weights.get(&format!("{FEED}.weight")) {
            Some(feed) => feed.data().iter().flat_map(|&weight| image.iter().map(move |&x| weight * x)).collect(),
            None => image.clone(),
        };
        let gate = reference::round(&reference::reduce(&src, maps, Reduction::Mean));
        Self { op: problem.op, act: problem.act, maps, image, src, gate, weights }
    }

    fn param(&self, name: &str) -> &[f32] {
        self.weights.get(&format!("{TARGET}.{name}")).map_or(&[], |tensor| tensor.data())
    }

    fn reference(&self) -> Vec<f64> {
        let (src, maps) = (&self.src[..], self.maps);
        let dst = match self.op {
            Op::Conv2d(conv) => reference::conv2d(src, maps, self.param("weight"), Some(self.param("bias")), &conv_of(&conv)),
            Op::MaxPool(window) => reference::max_pool(src, maps, &window),
            Op::AvgPool { window, counted } => reference::avg_pool(src, maps, &window, counted),
            Op::Reduce(reduction) => reference::reduce(src, maps, reduction),
            Op::Binary(op) => reference::binary(src, maps, &self.gate, Maps { h: 1, w: 1, ..maps }, |a, b| op.at(a, b)),
            _ => unreachable!("no problem has {:?}", self.op),
        };
        self.act.map_or(dst.clone(), |act| reference::activation(&dst, act))
    }
}

fn specialised(problem: &Problem, data: &Data, level: Level) -> Result<Runner, CompileError> {
    let network = problem.network().expect("problems are networks");
    crate::own_cache();
    let model = Model::open(&network, &data.weights, level)?;
    let mut session = model.session(1)?;
    let stages = &model.planned().stages;
    let stage = stages.iter().position(|stage| stage.layers.iter().any(|layer| layer.name == TARGET));
    let stage = stage.filter(|&stage| stages[stage].layers.len() == 1).expect("the layer has a stage of its own");
    let (units, image) = (model.program().stages()[stage].units(), data.image.clone());
    let mut output = vec![0.0; model.program().output_len()];
    session.run(&image, &mut output)?;
    let target = network.outputs().last().map_or(0, |&id| network.node(id).shape.len());
    let result = output[output.len() - target..].to_vec();
    let run = move || session.run_units(stage, 0, units, &image, &mut output).expect("lengths do not change");
    Ok(Runner { run: Box::new(run), result })
}

/// Writes its result to the slice.
type Operator = Box<dyn FnMut(&mut [f32])>;

fn generic(problem: &Problem, data: &Data, level: Level) -> Runner {
    let (maps, act) = (data.maps, data.act);
    let mut src = vec![0.0; map_len(maps)];
    generic::pack(&data.src, maps, &mut src);
    let dst_maps = match problem.op {
        Op::Conv2d(conv) => maps.under(&conv.window, conv.oc),
        Op::MaxPool(window) | Op::AvgPool { window, .. } => maps.under(&window, maps.c),
        Op::Reduce(_) => Maps { h: 1, w: 1, ..maps },
        _ => maps,
    };
    let mut run: Operator = match problem.op {
        Op::Conv2d(conv) if conv.groups == maps.c && conv.oc == maps.c => {
            let packed = PackedDepthwise::new(level, conv.window, maps.c, data.param("weight"), data.param("bias"));
            Box::new(move |dst| packed.run(&src, maps, act, dst))
        }
        Op::Conv2d(conv) => {
            let (weight, bias) = (data.param("weight"), data.param("bias"));
            let packed = PackedConv::new(level, conv_of(&conv), maps.c / conv.groups, weight, bias);
            Box::new(move |dst| packed.run(&src, maps, act, dst))
        }
        Op::MaxPool(window) => Box::new(move |dst| generic::max_pool(level, &src, maps, &window, dst)),
        Op::AvgPool { window, counted } => Box::new(move |dst| generic::avg_pool(level, &src, maps, &window, counted, dst)),
        Op::Reduce(reduction) => Box::new(move |dst| generic::reduce(level, &src, maps, reduction, dst)),
        Op::Binary(Arithmetic::Mul) => {
            let gate_maps = Maps { h: 1, w: 1, ..maps };
            let mut gate = vec![0.0; map_len(gate_maps)];
            generic::pack(&data.gate, gate_maps, &mut gate);
            Box::new(move |dst| generic::binary(level, &src, maps, &gate, gate_maps, |x, gate| x * gate, dst))
        }
        op => unreachable!("no problem has {op:?}"),
    };
    // Convolutions apply the activation themselves; after the other operators it is a pass of its own.
    let act = act.filter(|_| !matches!(problem.op, Op::Conv2d(_)));
    let (mut between, mut dst) = (vec![0.0; map_len(dst_maps)], vec![0.0; map_len(dst_maps)]);
    let mut step = move |dst: &mut Vec<f32>| match act {
        Some(act) => {
            run(&mut between);
            generic::activation(level, &between, dst_maps, act, dst);
        }
        None => run(dst),
    };
    step(&mut dst);
    let mut result = vec![0.0; dst_maps.len()];
    generic::unpack(&dst, dst_maps, &mut result);
    Runner { run: Box::new(move || step(&mut dst)), result }
}

fn conv_of(conv: &Conv2d) -> Conv {
    Conv { oc: conv.oc, groups: conv.groups, window: conv.window }
}
