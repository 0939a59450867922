//! Lowers a chain: layers that are executed together, depth first over strips of rows. Inner maps live in rings of rows in a
//! thread's scratch memory. A row stays there until no window needs it.
//!
//! Each layer computes groups of rows, one call for each group. A unit computes the last layer's strip. From there back to the
//! first layer, the windows of each reader decide which groups the layer in front must have computed. Within a thread's range of
//! units, `<layer>_next` remembers which groups are done. At the start of a range, the rows above the strip that are needed are
//! computed anew.

use sartor_models::escape::word;

use super::context::Context;
use super::rows::{Member, Slide, group_calls, member};
use crate::ir::stage::{Int, Stage, Step};
use crate::layout::MapId;
use crate::network::layers::LayerId;
use crate::network::line::problem_line;
use crate::ops::choice::LayerChoice;
use crate::plan::{Place, Rows, StagePlan};

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
        let lo = begin.times(group * stride).minus(reader.slide.before()).over(producer.group);
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
        let (op, site) = (&cx.layers[member.layer].op, &mut cx.site);
        let calls = group_calls(member, &group, &problem, |rows| op.calls(site, rows));
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
