//! Lowers a chain: layers that are executed together, depth first over strips of rows. Inner maps live in rings of rows in a
//! thread's scratch memory. A row stays there until no window needs it.
//!
//! Each layer computes groups of rows, one call for each group. A unit computes the last layer's strip. From there back to the
//! first layer, the windows of each reader decide which groups the layer in front must have computed. Within a thread's range of
//! units, `<layer>_next` remembers which groups are done. At the start of a range, the rows above the strip that are needed are
//! computed anew.

use sartor_models::escape::word;

use super::context::Context;
use crate::ir::stage::{Arm, Int, Stage, Step};
use crate::layout::MapId;
use crate::lower::window::reached;
use crate::network::layers::LayerId;
use crate::network::line::problem_line;
use crate::ops::Role;
use crate::ops::choice::LayerChoice;
use crate::ops::site::RowGroup;
use crate::ops::sliding;
use crate::plan::{Place, Rows, StagePlan};

/// The smallest number of pixels that a call inside a chain should have.
const PIXELS: usize = 28;

/// Vertical geometry of a layer. Output row `r` reads rows of its source among the `reach` rows from row `r * stride - pad` on.
/// Rows behind the source's last are padding. If each source row makes several output rows (`up`), the output rows that are made of
/// one count as one.
#[derive(Clone, Copy, Debug)]
struct Slide {
    reach: usize,
    stride: usize,
    pad: usize,
    up: usize,
}

/// A layer of a chain.
#[derive(Clone, Debug)]
struct Member {
    layer: LayerId,
    /// Prefix of its variables' names.
    name: String,
    /// Output rows of a call.
    group: usize,
    /// Output rows.
    oh: usize,
    /// Source rows.
    ih: usize,
    slide: Slide,
    /// What was chosen for it.
    how: LayerChoice,
}

impl Member {
    fn groups(&self) -> usize {
        self.oh.div_ceil(self.group)
    }

    /// The source rows that groups `begin..end` read: first and first beyond.
    fn reads(&self, begin: usize, end: usize) -> (usize, usize) {
        let Slide { reach, stride, pad, up } = self.slide;
        let lo = (begin * self.group / up * stride).saturating_sub(pad);
        let hi = ((end * self.group).min(self.oh).div_ceil(up) * stride + reach).saturating_sub(stride + pad);
        (lo.min(self.ih), hi.min(self.ih))
    }
}

pub fn stage(cx: &mut Context<'_>, name: String, chain: &[LayerId], strip: usize, how: &[LayerChoice]) -> StagePlan {
    let members: Vec<Member> = (0..chain.len()).map(|at| member(cx, chain, at, strip, how[at])).collect();
    let last = &members[members.len() - 1];
    let strip = strip.next_multiple_of(last.group);
    let strips = last.oh.div_ceil(strip);
    let per_strip = strip.div_ceil(last.group);
    let rows = place_rings(cx, &members, strips, per_strip);
    let batch = cx.site.batch;

    let mut body = Vec::new();
    // If an image is a single strip, nothing is kept from strip to strip.
    let inner = if strips > 1 { &members[..members.len() - 1] } else { &[] };
    let kept: Vec<String> = inner.iter().map(|member| format!("{}_next", member.name)).collect();
    body.extend(kept.iter().map(|name| Step::Keep(name.clone())));
    let strip_var = match (strips, batch) {
        (1, _) => Int::Const(0),
        (_, 1) => Int::var("unit"),
        _ => Int::var("strip"),
    };
    if batch > 1 {
        body.push(Step::Let("image".into(), Int::var("unit").over(strips)));
        if strips > 1 {
            body.push(Step::Let("strip".into(), Int::var("unit").modulo(strips)));
        }
        if !kept.is_empty() {
            body.push(Step::ResetAtZero { on: "strip".into(), kept: kept.clone() });
        }
    }
    // The ranges of groups that a unit computes, from the last layer back to the first.
    let mut ranges: Vec<(Int, Int)> = vec![(Int::Const(0), Int::Const(0)); members.len()];
    let end = strip_var.clone().plus(1).times(per_strip);
    let end = if strips * per_strip > last.groups() { end.min(last.groups()) } else { end };
    ranges[members.len() - 1] = (strip_var.times(per_strip), end);
    for at in (0..members.len() - 1).rev() {
        let (producer, reader) = (&members[at], &members[at + 1]);
        let Slide { reach, stride, pad, up } = reader.slide;
        let (begin, end) = ranges[at + 1].clone();
        // All output rows that a source row makes are in one group.
        let (group, oh) = (reader.group / up, reader.oh.div_ceil(up));
        let lo = begin.times(group * stride).minus(pad).over(producer.group);
        let out_end = end.times(group);
        let out_end = if reader.groups() * group > oh { out_end.min(oh) } else { out_end };
        let hi = out_end.times(stride);
        let hi = if reach >= stride + pad { hi.plus(reach - stride - pad) } else { hi.minus(stride + pad - reach) };
        let hi = hi.min(reader.ih).div_ceil(producer.group);
        let lo = kept.get(at).map_or(lo.clone(), |next| lo.max(Int::var(next)));
        let mut named = |suffix: &str, value: Int| match value {
            Int::Const(_) => value,
            _ => {
                let name = format!("{}_{suffix}", producer.name);
                body.push(Step::Let(name.clone(), value));
                Int::var(&name)
            }
        };
        let end = named("end", hi);
        ranges[at] = (named("begin", lo), end);
    }
    for (at, member) in members.iter().enumerate() {
        let layer = &cx.layers[member.layer];
        let problem = problem_line(cx.layers, layer, 1);
        body.push(Step::Comment(format!("{}: {}", word(&layer.name), maps_line(cx, member.layer))));
        let (lo, hi) = ranges[at].clone();
        let single = at == members.len() - 1 && per_strip == 1;
        let group = if single { lo.clone() } else { Int::var("group") };
        let calls = group_calls(cx, member, &group, &problem);
        let only = member.groups() == 1 && (lo.constant(), hi.constant()) == (Some(0), Some(1));
        if single || only {
            body.extend(calls);
        } else {
            // If there is a single group, its calls do not use the variable.
            let var = if member.groups() > 1 { "group" } else { "_" };
            body.push(Step::For { var: var.into(), lo, hi: hi.clone(), body: calls });
        }
        if let Some(next) = kept.get(at) {
            body.push(Step::Set(next.clone(), hi));
        }
    }
    let doc = chain.iter().map(|&layer| problem_line(cx.layers, &cx.layers[layer], batch)).collect();
    let code = Stage { name, doc, units: strips * batch, body };
    StagePlan { code, layers: chain.to_vec(), rows: Some(rows) }
}

fn maps_line(cx: &Context<'_>, layer: LayerId) -> String {
    let layer = &cx.layers[layer];
    let shape = |id: MapId| {
        let map = &cx.layers[id];
        format!("{}x{}x{}", map.h, map.w, map.c)
    };
    format!("{} to {}", shape(layer.sources()[0]), shape(layer.dst()))
}

fn member(cx: &Context<'_>, chain: &[LayerId], at: usize, strip: usize, how: LayerChoice) -> Member {
    let id = chain[at];
    let op = &cx.layers[id].op;
    let source = op.sources()[0];
    let (src, dst) = (&cx.layers[source], &cx.layers[op.dst()]);
    let place = cx.site.places[source];
    let is_sliding = |id: LayerId| cx.layers[id].op.role() == Role::Sliding;
    let group = match (op.rows_of_a_call(place), how.rows) {
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

/// Gives each inner map a ring that is just deep enough. Returns which rows each strip computes.
fn place_rings(cx: &mut Context<'_>, members: &[Member], strips: usize, per_strip: usize) -> Rows {
    let count = members.len();
    let mut depth = vec![0; count];
    let mut rows = vec![vec![(0, 0); strips]; count];
    for first in 0..strips {
        let mut next = vec![0; count];
        for strip in first..(first + 2).min(strips) {
            let last = &members[count - 1];
            let (mut begin, mut end) = (strip * per_strip, ((strip + 1) * per_strip).min(last.groups()));
            for at in (0..count).rev() {
                let member = &members[at];
                if at + 1 < count {
                    let (lo, hi) = members[at + 1].reads(begin, end);
                    begin = (lo / member.group).max(next[at]);
                    end = hi.div_ceil(member.group);
                    let oldest = lo.min(begin * member.group);
                    depth[at] = depth[at].max(end * member.group - oldest.min(end * member.group));
                }
                next[at] = end;
                if strip == first {
                    rows[at][strip] = (begin * member.group, (end * member.group).min(member.oh));
                }
            }
        }
    }
    let mut offset = 0;
    for (at, member) in members[..count - 1].iter().enumerate() {
        // A reader that takes a whole group of rows in one call must find them side by side in the ring.
        let reader = &members[at + 1];
        let side_by_side = if matches!(reader.slide, Slide { reach: 1, stride: 1, pad: 0, up: 1 }) { reader.group } else { 1 };
        let unit = lcm(member.group, side_by_side);
        let whole = member.oh.next_multiple_of(unit);
        let ring = depth[at].next_multiple_of(unit).min(whole).max(unit);
        let map = cx.layers[member.layer].dst();
        cx.site.places[map] = Place::Ring { offset, rows: ring };
        offset += ring * cx.site.row_len(map);
    }
    cx.scratch = cx.scratch.max(offset);
    Rows { strips, rows }
}

fn lcm(a: usize, b: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    a / gcd(a, b) * b
}

/// The calls of one group of rows. Groups at the borders have match arms of their own.
fn group_calls(cx: &mut Context<'_>, member: &Member, group: &Int, problem: &str) -> Vec<Step> {
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
        arm.body = cx.layers[member.layer].op.calls(&mut cx.site, &rows);
    }
    match arms.len() {
        1 => arms.remove(0).body,
        _ => vec![Step::Match { on: group.clone(), arms }],
    }
}
