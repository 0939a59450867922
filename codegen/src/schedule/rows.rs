//! Groups of rows of a layer: what each reads, and the calls that compute it.

use super::context::Context;
use crate::ir::stage::{Arm, Int, Step};
use crate::lower::window::reached;
use crate::network::layers::LayerId;
use crate::ops::Role;
use crate::ops::choice::LayerChoice;
use crate::ops::site::RowGroup;
use crate::ops::sliding;

/// The smallest number of pixels that a call inside a chain should have.
const PIXELS: usize = 28;

/// Vertical geometry of a layer. Output row `r` reads rows of its source among the `reach` rows from row `r * stride - pad` on.
/// Rows behind the source's last are padding. If each source row makes several output rows (`up`), the output rows that are made of
/// one count as one.
#[derive(Clone, Copy, Debug)]
pub struct Slide {
    pub reach: usize,
    pub stride: usize,
    pub pad: usize,
    pub up: usize,
}

impl Slide {
    /// How many rows before row `r * stride` of the source a window needs: padding, and rows between two windows, which count as the
    /// later one's.
    pub fn before(&self) -> usize {
        self.pad + self.stride.saturating_sub(self.reach)
    }
}

/// A layer whose rows are computed in groups.
#[derive(Clone, Debug)]
pub struct Member {
    pub layer: LayerId,
    /// Prefix of its variables' names.
    pub name: String,
    /// Output rows of a call.
    pub group: usize,
    /// Output rows.
    pub oh: usize,
    /// Source rows.
    pub ih: usize,
    pub slide: Slide,
    /// What was chosen for it.
    pub how: LayerChoice,
}

impl Member {
    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.oh.div_ceil(self.group)
    }

    /// The source rows that groups `begin..end` read: first and first beyond. They begin where those of the groups before end.
    pub fn reads(&self, begin: usize, end: usize) -> (usize, usize) {
        let Slide { reach, stride, pad, up } = self.slide;
        let lo = (begin * self.group / up * stride).saturating_sub(self.slide.before());
        let hi = ((end * self.group).min(self.oh).div_ceil(up) * stride + reach).saturating_sub(stride + pad);
        (lo.min(self.ih), hi.min(self.ih))
    }
}

/// The layer at a place of a chain.
pub fn member(cx: &Context<'_>, chain: &[LayerId], at: usize, strip: usize, how: LayerChoice) -> Member {
    let id = chain[at];
    let op = &cx.layers[id].op;
    let source = op.sources()[0];
    let (src, dst) = (&cx.layers[source], &cx.layers[op.dst()]);
    let place = cx.site.places[source];
    let is_sliding = |id: LayerId| cx.layers[id].op.role() == Role::Sliding;
    let group = match (op.rows_of_a_call(place, dst, cx.site.level), how.rows) {
        (Some(rows), _) => rows,
        // A strip of odd height is one group. Groups of an even number of rows would reach beyond it, and two threads would
        // compute the rows beyond twice.
        _ if is_sliding(id) && strip % 2 == 1 && !chain[at + 1..].iter().any(|&later| is_sliding(later)) => strip,
        (None, Some(rows)) => rows.max(1),
        _ if is_sliding(id) => sliding::ROWS,
        _ if at + 1 == chain.len() => strip,
        _ => PIXELS.div_ceil(dst.w),
    };
    let prefix = op.prefix(place);
    let name = if chain.len() == 1 { prefix.to_string() } else { format!("{prefix}{at}") };
    let (rows, _) = op.window().axes();
    let slide = Slide { reach: reached(rows, 1), stride: rows.stride, pad: rows.padding.before, up: op.enlarges() };
    let group = group.min(dst.h.next_multiple_of(slide.up));
    Member { layer: id, name, group, oh: dst.h, ih: src.h, slide, how }
}

/// The calls of one group of rows, each of which `calls` writes. Groups at the borders have match arms of their own.
pub fn group_calls(member: &Member, group: &Int, problem: &str, mut calls: impl FnMut(&RowGroup<'_>) -> Vec<Step>) -> Vec<Step> {
    let Slide { reach, stride, pad, up } = member.slide;
    // What distinguishes one group from another: how many rows it has, and which source rows exist.
    let shape = |q: usize| {
        let rows = member.group.min(member.oh - q * member.group);
        let top = q * member.group / up * stride;
        let first = pad.saturating_sub(top);
        let last = (member.ih + pad).saturating_sub(top).min((rows.div_ceil(up) - 1) * stride + reach);
        (rows, (first.min(last), last))
    };
    let mut arms: Vec<Arm> = Vec::new();
    let mut shapes: Vec<(usize, (usize, usize))> = Vec::new();
    for q in 0..member.groups() {
        match (arms.last_mut(), shapes.last()) {
            (Some(arm), Some(last)) if *last == shape(q) => arm.hi = q,
            _ => {
                shapes.push(shape(q));
                arms.push(Arm { lo: q, hi: q, body: Vec::new() });
            }
        }
    }
    for (arm, &(rows, present)) in arms.iter_mut().zip(&shapes) {
        let group = if arm.lo == arm.hi { Int::Const(arm.lo) } else { group.clone() };
        let rows = RowGroup {
            layer: member.layer,
            problem,
            how: member.how,
            first: group.clone().times(member.group),
            count: rows,
            top: group.times(member.group / up * stride),
            pad,
            present,
        };
        arm.body = calls(&rows);
    }
    Step::by(group.clone(), arms)
}
