//! The distinct kernels of a program: layers of the same specification share one.

use std::collections::HashMap;

use sartor_kernels::runtime::Level;
use typed_index_collections::TiVec;

use crate::ir::kernel::{Kernel, KernelId};
use crate::ir::name::{KernelName, tell_apart};
use crate::layout::PANEL;
use crate::lower::direct::{Direct, Source};
use crate::lower::eltwise::{self, Eltwise};
use crate::lower::epilogue::Epilogue;
use crate::lower::mean::Mean;
use crate::lower::pointwise::{Pointwise, Segment};
use crate::lower::tile::Block;
use crate::lower::window::{self, Window};

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
    kernels: TiVec<KernelId, Kernel>,
    /// The specification that each kernel was made from first.
    specs: Vec<Spec>,
    known: HashMap<String, KernelId>,
}

impl Library {
    /// None yet.
    pub fn new(level: Level) -> Self {
        Self { level, kernels: TiVec::new(), specs: Vec::new(), known: HashMap::new() }
    }

    /// The kernel of a specification, made where it is new. `problem` says for which layer.
    pub fn get(&mut self, spec: &Spec, problem: &str) -> KernelId {
        // The debug form names every field, so it is the specification itself.
        let key = format!("{spec:?}");
        if let Some(&index) = self.known.get(&key) {
            return index;
        }
        let name = name(spec, self.level).to_string();
        let doc = vec![problem.to_string()];
        let kernel = match spec {
            Spec::Pointwise(spec) => spec.lower(self.level, name, doc),
            Spec::Direct(spec) => spec.lower(self.level, name, doc),
            Spec::Window(spec) => spec.lower(self.level, name, doc),
            Spec::Mean(spec) => spec.lower(self.level, name, doc),
            Spec::Eltwise(spec) => spec.lower(self.level, name, doc),
        };
        // Specifications that ask for more than there is, such as a tile wider than the map, come to the same kernel.
        let id = self.kernels.position(|known| known.is_same(&kernel)).unwrap_or_else(|| {
            self.specs.push(spec.clone());
            self.kernels.push_and_get_key(kernel)
        });
        self.known.insert(key, id);
        id
    }

    /// All kernels, each with a name of its own.
    pub fn finish(self) -> TiVec<KernelId, Kernel> {
        let mut names: Vec<KernelName> = self.specs.iter().map(|spec| name(spec, self.level)).collect();
        let details: Vec<_> = self.specs.iter().map(|spec| details(spec, self.level)).collect();
        tell_apart(&mut names, &details);
        let named = self.kernels.into_iter().zip(names);
        named.map(|(kernel, name)| Kernel { name: name.to_string(), ..kernel }).collect()
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

/// What a kernel depends on beside what its name always says; [`crate::ir::name`] says what the fields are.
fn details(spec: &Spec, level: Level) -> Vec<(&'static str, usize)> {
    match spec {
        Spec::Pointwise(spec) => {
            let mut details = vec![("sp", spec.src_pitch), ("dp", spec.dst_pitch)];
            details.extend(epilogue_details(&spec.epilogue));
            details.push(("ahead", spec.ahead));
            details.extend(tile_details(&spec.segments, &spec.blocks(level)));
            details
        }
        Spec::Direct(spec) => {
            let source = match spec.source {
                Source::Planar { plane } => ("plane", plane),
                Source::Pitched { pitch } => ("sp", pitch),
            };
            let mut details = vec![source, ("dp", spec.dst_pitch), ("top", spec.present.0), ("iw", spec.iw), ("pad", spec.pad)];
            details.extend(epilogue_details(&spec.epilogue));
            details.extend(tile_details(&spec.segments, &spec.blocks(level)));
            details
        }
        Spec::Window(spec) => vec![
            ("sp", spec.src_pitch),
            ("dp", spec.dst_pitch),
            ("top", spec.present.0),
            ("sw", spec.stride.1),
            ("iw", spec.iw),
            ("pad", spec.pad),
        ],
        Spec::Mean(spec) => vec![("sp", spec.src_pitch)],
        Spec::Eltwise(spec) => {
            let mut details = vec![("sp", spec.src_pitch), ("dp", spec.dst_pitch)];
            if let eltwise::Kind::Add { panels, pitch } = spec.kind {
                details.extend([("ap", pitch), ("ac", panels * PANEL)]);
            }
            details.extend(spec.last_lanes.map(|lanes| ("last", lanes)));
            details
        }
    }
}

fn epilogue_details(epilogue: &Epilogue) -> [(&'static str, usize); 2] {
    [("ap", epilogue.shortcut.unwrap_or(0)), ("last", epilogue.last_lanes.unwrap_or(PANEL))]
}

/// The runs of input lanes, and the tiles beside the first.
fn tile_details(segments: &[Segment], blocks: &[Block]) -> Vec<(&'static str, usize)> {
    let segments = segments.iter().flat_map(|segment| [("lane", segment.lane), ("len", segment.len)]);
    let blocks = blocks.iter().skip(1).flat_map(|block| [("panels", block.panels.size), ("pixels", block.rows)]);
    segments.chain(blocks).collect()
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
