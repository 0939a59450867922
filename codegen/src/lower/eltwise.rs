//! Elementwise operators over rows of pixels, where they were not fused into a convolution's epilogue.

use sartor_kernels::runtime::Level;
use sartor_models::Activation;

use super::epilogue::{activate, sentence};
use super::family::Family;
use crate::ir::kernel::{Access, Binary, Builder, Kernel, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;

/// What is done before the activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing: `act(src)`.
    Copy,
    /// `act(src * gate)`, with one gate for all pixels.
    Scale,
    /// `act(src + other)`, where `other` has `panels` groups of 16 lanes.
    Add {
        /// Groups of 16 lanes of `other`.
        panels: usize,
        /// f32 from pixel to pixel of `other`.
        pitch: usize,
    },
}

/// An elementwise operator over `m` pixels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Eltwise {
    /// What is done.
    pub kind: Kind,
    /// Pixels.
    pub m: usize,
    /// Groups of 16 lanes.
    pub panels: usize,
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
    /// f32 from pixel to pixel of the destination.
    pub dst_pitch: usize,
    /// Applied last.
    pub act: Option<Activation>,
    /// Lanes of the last panel that are in use, if the activation does not keep zero; `None` if it does.
    pub last_lanes: Option<usize>,
}

impl Eltwise {
    /// Says what is done with a pixel.
    fn comment(&self, adds: bool) -> String {
        let first = match self.kind {
            Kind::Scale => Some("multiplies by the gate".to_string()),
            Kind::Add { .. } if adds => Some("adds the other map".to_string()),
            Kind::Add { .. } | Kind::Copy => None,
        };
        let steps = first.into_iter().chain(self.act.map(|act| format!("applies {}", act.word())));
        sentence(&steps.chain(std::iter::once("stores the results".to_string())).collect::<Vec<_>>().join(", "))
    }

    /// The kernel. Buffers: `src`, then `gate` or `other` if there is one, then `dst`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = self.panels * PANEL;
        let src = b.buffer("src", (self.m - 1) * self.src_pitch + lanes, Access::Read);
        let other = match self.kind {
            Kind::Copy => None,
            Kind::Scale => Some(b.buffer("gate", lanes, Access::Read)),
            Kind::Add { panels, pitch } => Some(b.buffer("other", (self.m - 1) * pitch + panels * PANEL, Access::Read)),
        };
        let dst = b.buffer("dst", (self.m - 1) * self.dst_pitch + lanes, Access::Write);
        let width = b.lanes();
        let per_panel = PANEL / width;
        let added = if let Kind::Add { panels, .. } = self.kind { panels } else { 0 };
        // The last panel is computed apart if some of its lanes must be set to zero again.
        let plain = self.panels - usize::from(self.last_lanes.is_some());
        let spans = [(0, added.min(plain), true), (added.min(plain), plain, false), (plain, self.panels, plain < added)];
        for (from, to, adds) in spans {
            let whole = to <= plain;
            let count = if whole { (to - from) * per_panel } else { 1 };
            let parts = if whole { 1 } else { per_panel };
            b.repeat("c", if from < to { count } else { 0 }, |b, c| {
                for part in 0..parts {
                    let lane = from * PANEL + part * width;
                    let gate = match (self.kind, other) {
                        (Kind::Scale, Some(gate)) => Some(b.load("g", gate.at(lane).plus(c, width))),
                        _ => None,
                    };
                    b.comment(self.comment(adds));
                    b.repeat("p", self.m, |b, p| {
                        let x = b.load("x", src.at(lane).plus(c, width).plus(p, self.src_pitch));
                        if let Some(gate) = gate {
                            b.update(Binary::Mul, x, gate);
                        }
                        if let (Kind::Add { pitch, .. }, Some(other), true) = (self.kind, other, adds) {
                            let y = b.load("y", other.at(lane).plus(c, width).plus(p, pitch));
                            b.update(Binary::Add, x, y);
                        }
                        activate(b, self.act, &[x]);
                        let keep = self.last_lanes.filter(|_| !whole).map(|used| used.saturating_sub(part * width).min(width));
                        if let Some(used) = keep.filter(|&used| used < width) {
                            b.set(x, Value::FirstLanes(x, used));
                        }
                        b.store(dst.at(lane).plus(c, width).plus(p, self.dst_pitch), x);
                    });
                }
            });
        }
        b.finish()
    }
}

impl Family for Eltwise {
    fn name(&self, level: Level) -> KernelName {
        let family = match self.kind {
            Kind::Copy => "activation",
            Kind::Scale => "scale",
            Kind::Add { .. } => "add",
        };
        let words: Vec<String> = self.act.map(|act| act.to_string()).into_iter().collect();
        KernelName::new(family, level).field("m", self.m).field("c", self.panels * PANEL).words(&words)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        let mut details = vec![("sp", self.src_pitch), ("dp", self.dst_pitch)];
        if let Kind::Add { panels, pitch } = self.kind {
            details.extend([("ap", pitch), ("ac", panels * PANEL)]);
        }
        details.extend(self.last_lanes.map(|lanes| ("last", lanes)));
        details
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
