//! The distinct kernels of a program: layers of the same specification share one.

use std::collections::{BTreeSet, HashMap};

use sartor_kernels::runtime::Level;

use crate::ir::kernel::Kernel;
use crate::ir::name::KernelName;
use crate::lab::LayerLine;
use crate::layout::PANEL;
use crate::lower::direct::Direct;
use crate::lower::eltwise::{self, Eltwise};
use crate::lower::epilogue::Epilogue;
use crate::lower::mean::Mean;
use crate::lower::pointwise::Pointwise;
use crate::lower::window::{self, Window};
use crate::network::layers::{Depthwise, Layer, LayerOp, Layers, Pool};
use crate::schedule::tuning;

/// What a kernel is made from.
#[derive(Clone, Debug, PartialEq)]
pub enum Spec {
    /// 1x1 convolution.
    Pointwise(Pointwise),
    /// Other dense convolutions.
    Direct(Direct),
    /// Depthwise convolution and pooling.
    Window(Window),
    /// Mean over pixels.
    Mean(Mean),
    /// Elementwise operators.
    Eltwise(Eltwise),
}

/// Kernels made so far.
#[derive(Debug)]
pub struct Library {
    level: Level,
    /// All kernels.
    pub kernels: Vec<Kernel>,
    known: HashMap<String, usize>,
    names: BTreeSet<String>,
}

impl Library {
    /// None yet.
    pub fn new(level: Level) -> Self {
        Self { level, kernels: Vec::new(), known: HashMap::new(), names: BTreeSet::new() }
    }

    /// The kernel of a specification, made where it is new. `problem` says for which layer.
    pub fn get(&mut self, spec: &Spec, problem: &str) -> usize {
        // The debug form names every field, so it is the specification itself.
        let key = format!("{spec:?}");
        if let Some(&index) = self.known.get(&key) {
            return index;
        }
        let base = name(spec, self.level);
        let mut unique = base.clone();
        // Kernels that differ in strides alone share a name but for a version.
        for version in 2.. {
            if self.names.insert(unique.to_string()) {
                break;
            }
            unique = KernelName { version, ..base.clone() };
        }
        let doc = vec![problem.to_string()];
        let kernel = match spec {
            Spec::Pointwise(spec) => spec.lower(self.level, unique.to_string(), doc),
            Spec::Direct(spec) => spec.lower(self.level, unique.to_string(), doc),
            Spec::Window(spec) => spec.lower(self.level, unique.to_string(), doc),
            Spec::Mean(spec) => spec.lower(self.level, unique.to_string(), doc),
            Spec::Eltwise(spec) => spec.lower(self.level, unique.to_string(), doc),
        };
        self.kernels.push(kernel);
        self.known.insert(key, self.kernels.len() - 1);
        self.kernels.len() - 1
    }
}

fn name(spec: &Spec, level: Level) -> KernelName {
    match spec {
        Spec::Pointwise(spec) => {
            let block = &spec.blocks(level)[0];
            KernelName::new("pointwise", level)
                .tile(&[block.rows, block.panels.size * PANEL])
                .field("m", spec.m)
                .field("k", spec.k())
                .field("n", spec.panels * PANEL - spec.idle)
                .words(&epilogue_words(&spec.epilogue))
        }
        Spec::Direct(spec) => {
            let block = &spec.blocks(level)[0];
            let (kh, kw) = spec.kernel;
            let present = spec.present.1 - spec.present.0;
            KernelName::new(&format!("direct{kh}x{kw}s{}", spec.stride), level)
                .tile(&[block.rows, block.panels.size * PANEL])
                .field("rows", present)
                .field("ow", spec.ow)
                .field("k", spec.k())
                .field("n", spec.panels * PANEL - spec.idle)
                .words(&epilogue_words(&spec.epilogue))
        }
        Spec::Window(spec) => {
            let family = match spec.kind {
                window::Kind::Depthwise => "depthwise",
                window::Kind::Max => "maxpool",
                window::Kind::Average => "avgpool",
            };
            let (kh, kw) = spec.kernel;
            let words: Vec<String> = spec.act.map(|act| act.to_string()).into_iter().collect();
            KernelName::new(&format!("{family}{kh}x{kw}s{}", spec.stride.0), level)
                .tile(&[spec.rows, spec.widest(level).min(spec.ow), PANEL])
                .field("rows", spec.present.1 - spec.present.0)
                .field("ow", spec.ow)
                .field("c", spec.panels * PANEL)
                .words(&words)
        }
        Spec::Mean(spec) => KernelName::new("mean", level).field("m", spec.pixels).field("c", spec.panels * PANEL),
        Spec::Eltwise(spec) => {
            let family = match spec.kind {
                eltwise::Kind::Copy => "activation",
                eltwise::Kind::Scale => "scale",
                eltwise::Kind::Add { .. } => "add",
            };
            let words: Vec<String> = spec.act.map(|act| act.to_string()).into_iter().collect();
            KernelName::new(family, level).field("m", spec.m).field("c", spec.panels * PANEL).words(&words)
        }
    }
}

fn epilogue_words(epilogue: &Epilogue) -> Vec<String> {
    let mut words: Vec<String> = epilogue.act.map(|act| act.to_string()).into_iter().collect();
    if epilogue.blend {
        words.push("blend".into());
    }
    if epilogue.shortcut.is_some() {
        words.push("add".into());
    }
    words.extend(epilogue.post_act.map(|act| act.to_string()));
    words
}

/// A layer's problem in one line, in oneDNN's notation.
pub fn problem_line(layers: &Layers, layer: &Layer, batch: usize) -> String {
    LayerLine::of(layers, layer, batch).to_string()
}

/// What the best way to compute layers together depends on: their geometries, and what is fused into them.
pub fn problem(layers: &Layers, run: &[usize], batch: usize) -> String {
    let line = |&index: &usize| {
        let layer = &layers.layers[index];
        let mut words = vec![geometry(layers, layer, batch)];
        match &layer.op {
            LayerOp::Conv(conv) => {
                words.extend(conv.act.map(|act| act.to_string()));
                words.extend((conv.dst_lane % PANEL != 0).then(|| "blend".into()));
                words.extend(conv.shortcut.map(|_| "add".into()));
                words.extend(conv.post_act.map(|act| act.to_string()));
            }
            LayerOp::Depthwise(Depthwise { act, .. }) | LayerOp::Pool(Pool { act, .. }) => {
                words.extend(act.map(|act| act.to_string()));
            }
            LayerOp::Mean { .. } => words.push("mean".into()),
            LayerOp::Scale { act, .. } => words.extend(std::iter::once("scale".into()).chain(act.map(|act| act.to_string()))),
            LayerOp::Add { act, .. } => words.extend(std::iter::once("add".into()).chain(act.map(|act| act.to_string()))),
            LayerOp::Activation { act, .. } => words.push(act.to_string()),
        }
        words.join("_")
    };
    run.iter().map(line).collect::<Vec<String>>().join(tuning::BETWEEN)
}

fn geometry(layers: &Layers, layer: &Layer, batch: usize) -> String {
    LayerLine::of(layers, layer, batch).geometry()
}
