//! The distinct kernels of a program: layers of the same specification share one.

use std::collections::{BTreeSet, HashMap};

use sartor_kernels::runtime::Level;
use typed_index_collections::TiVec;

use crate::ir::kernel::{Kernel, KernelId};
use crate::ir::name::KernelName;
use crate::layout::PANEL;
use crate::lower::direct::Direct;
use crate::lower::eltwise::{self, Eltwise};
use crate::lower::epilogue::Epilogue;
use crate::lower::mean::Mean;
use crate::lower::pointwise::Pointwise;
use crate::lower::window::{self, Window};
use crate::network::line::activation_word;

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
    pub kernels: TiVec<KernelId, Kernel>,
    known: HashMap<String, KernelId>,
    names: BTreeSet<String>,
}

impl Library {
    /// None yet.
    pub fn new(level: Level) -> Self {
        Self { level, kernels: TiVec::new(), known: HashMap::new(), names: BTreeSet::new() }
    }

    /// The kernel of a specification, made where it is new. `problem` says for which layer.
    pub fn get(&mut self, spec: &Spec, problem: &str) -> KernelId {
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
        let id = self.kernels.push_and_get_key(kernel);
        self.known.insert(key, id);
        id
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
            let words: Vec<&str> = spec.act.map(activation_word).into_iter().collect();
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
            let words: Vec<&str> = spec.act.map(activation_word).into_iter().collect();
            KernelName::new(family, level).field("m", spec.m).field("c", spec.panels * PANEL).words(&words)
        }
    }
}

fn epilogue_words(epilogue: &Epilogue) -> Vec<&'static str> {
    let mut words: Vec<&str> = epilogue.act.map(activation_word).into_iter().collect();
    if epilogue.blend {
        words.push("blend");
    }
    if epilogue.shortcut.is_some() {
        words.push("add");
    }
    words.extend(epilogue.post_act.map(activation_word));
    words
}
