//! Elementwise operators over rows of pixels, where they were not fused into a convolution's epilogue.

use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Arithmetic, Spread};

use super::epilogue::{activate, sentence};
use super::family::Family;
use crate::ir::kernel::{Access, Binary, Builder, Index, Kernel, Reg, Value};
use crate::ir::name::KernelName;
use crate::layout::PANEL;

/// What is done before the activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing: `act(src)`.
    Copy,
    /// `act(src op other)`.
    Binary {
        /// The operation.
        op: Arithmetic,
        /// How `other` meets `src`.
        spread: Spread,
        /// f32 from pixel to pixel of `other`; 0 if it has one pixel for all.
        pitch: usize,
    },
    /// `act(src + other)`, where `other` has `panels` groups of 16 lanes.
    Add {
        /// Groups of 16 lanes of `other`.
        panels: usize,
        /// f32 from pixel to pixel of `other`.
        pitch: usize,
    },
}

impl Kind {
    /// Whether pad lanes may become other than zero. They do if `other` has one value for all lanes, where zero is divided by zero, and
    /// where zeros compare as one.
    pub fn lifts(self) -> bool {
        match self {
            Kind::Copy | Kind::Add { .. } => false,
            Kind::Binary { op, spread, .. } => {
                op.divides()
                    || matches!(op, Arithmetic::AtLeast | Arithmetic::AtMost)
                    || matches!(spread, Spread::Pixel | Spread::One)
            }
        }
    }
}

/// The word of arithmetic, which begins the names of its kernels: `scale` for the product with a gate.
pub fn word(op: Arithmetic, spread: Spread) -> String {
    match (op, spread) {
        (Arithmetic::Mul, Spread::Gate) => "scale".into(),
        _ => format!("{}{}", op.word(), spread.word()),
    }
}

/// Applies arithmetic, in place of `x`.
fn apply(b: &mut Builder, op: Arithmetic, x: Reg, y: Reg) {
    match op {
        Arithmetic::Add => b.update(Binary::Add, x, y),
        Arithmetic::Sub => b.update(Binary::Sub, x, y),
        Arithmetic::SubFrom => b.set(x, Value::Binary(Binary::Sub, y, x)),
        Arithmetic::Mul => b.update(Binary::Mul, x, y),
        Arithmetic::Div => b.update(Binary::Div, x, y),
        Arithmetic::DivInto => b.set(x, Value::Binary(Binary::Div, y, x)),
        Arithmetic::Greater => b.update(Binary::Greater, x, y),
        Arithmetic::Less => b.set(x, Value::Binary(Binary::Greater, y, x)),
        Arithmetic::AtLeast => b.update(Binary::AtLeast, x, y),
        Arithmetic::AtMost => b.set(x, Value::Binary(Binary::AtLeast, y, x)),
        Arithmetic::Keep => b.update(Binary::Keep, x, y),
        Arithmetic::Max => b.update(Binary::Maximum, x, y),
        // No level has a minimum that passes NaN on. It is the negated maximum of the negated operands; to negate is exact.
        Arithmetic::Min => {
            let minus = b.splat("minus", -1.0);
            let y = b.set_new("n", Value::Binary(Binary::Mul, y, minus));
            b.update(Binary::Mul, x, minus);
            b.update(Binary::Maximum, x, y);
            b.update(Binary::Mul, x, minus);
        }
    }
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
    /// Lanes of the last panel that are in use, if the others do not stay zero; `None` if they do.
    pub last_lanes: Option<usize>,
}

/// Says what arithmetic does with a pixel.
fn describe(op: Arithmetic, spread: Spread) -> String {
    let other = match spread {
        Spread::Map => "the other map",
        Spread::Gate => "the gate",
        Spread::Pixel => "the other map's value",
        Spread::One => "the other value",
    };
    match op {
        Arithmetic::Add => format!("adds {other}"),
        Arithmetic::Sub => format!("subtracts {other}"),
        Arithmetic::SubFrom => format!("subtracts it from {other}"),
        Arithmetic::Mul => format!("multiplies by {other}"),
        Arithmetic::Div => format!("divides by {other}"),
        Arithmetic::DivInto => format!("divides {other} by it"),
        Arithmetic::Max => format!("takes the maximum with {other}"),
        Arithmetic::Min => format!("takes the minimum with {other}"),
        Arithmetic::Greater => format!("finds whether it is above {other}"),
        Arithmetic::Less => format!("finds whether it is below {other}"),
        Arithmetic::AtLeast => format!("finds whether it is at least {other}"),
        Arithmetic::AtMost => format!("finds whether it is at most {other}"),
        Arithmetic::Keep => format!("keeps what lies where {other} is above zero"),
    }
}

impl Eltwise {
    /// Says what is done with a pixel.
    fn comment(&self, adds: bool) -> String {
        let first = match self.kind {
            Kind::Binary { op, spread, .. } => Some(describe(op, spread)),
            Kind::Add { .. } if adds => Some("adds the other map".to_string()),
            Kind::Add { .. } | Kind::Copy => None,
        };
        let steps = first.into_iter().chain(self.act.map(|act| format!("applies {}", act.word())));
        sentence(&steps.chain(std::iter::once("stores the results".to_string())).collect::<Vec<_>>().join(", "))
    }

    /// The kernel. Buffers: `src`, then `other` if there is one, which is called `gate` if it has one pixel, then `dst`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = self.panels * PANEL;
        let src = b.buffer("src", (self.m - 1) * self.src_pitch + lanes, Access::Read);
        let other = match self.kind {
            Kind::Copy => None,
            Kind::Binary { spread, pitch, .. } => {
                let width = if matches!(spread, Spread::Pixel | Spread::One) { 1 } else { lanes };
                let name = if pitch == 0 { "gate" } else { "other" };
                Some(b.buffer(name, (self.m - 1) * pitch + width, Access::Read))
            }
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
                    let operand = |b: &mut Builder, name: &str, p: Index| match (self.kind, other) {
                        (Kind::Binary { spread: Spread::Pixel | Spread::One, pitch, .. }, Some(other)) => {
                            Some(b.set_new(name, Value::Broadcast(other.at(0).plus(p, pitch))))
                        }
                        (Kind::Binary { pitch, .. }, Some(other)) => {
                            Some(b.load(name, other.at(lane).plus(c, width).plus(p, pitch)))
                        }
                        _ => None,
                    };
                    let one_pixel = matches!(self.kind, Kind::Binary { pitch: 0, .. });
                    let gate = if one_pixel { operand(b, "g", Index::Zero) } else { None };
                    b.comment(self.comment(adds));
                    b.repeat("p", self.m, |b, p| {
                        let x = b.load("x", src.at(lane).plus(c, width).plus(p, self.src_pitch));
                        if let Kind::Binary { op, .. } = self.kind
                            && let Some(y) = gate.or_else(|| operand(b, "y", p))
                        {
                            apply(b, op, x, y);
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
            Kind::Copy => "activation".into(),
            Kind::Binary { op, spread, .. } => word(op, spread),
            Kind::Add { .. } => "add".into(),
        };
        let words: Vec<String> = self.act.map(|act| act.to_string()).into_iter().collect();
        KernelName::new(&family, level).field("m", self.m).field("c", self.panels * PANEL).words(&words)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        let mut details = vec![("sp", self.src_pitch), ("dp", self.dst_pitch)];
        if let Kind::Add { panels, pitch } = self.kind {
            details.extend([("ap", pitch), ("ac", panels * PANEL)]);
        }
        if let Kind::Binary { pitch: pitch @ 1.., .. } = self.kind {
            details.push(("ap", pitch));
        }
        details.extend(self.last_lanes.map(|lanes| ("last", lanes)));
        details
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
