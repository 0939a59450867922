//! Lowers a chain: layers executed together, depth first over strips of rows. Inner maps live in rings of rows in a thread's
//! scratch memory; a row stays until no window needs it.
//!
//! Each layer works in groups of rows, one call a group. A unit computes the last layer's strip; from there back to the first
//! layer, the groups that a layer must have done follow from the windows of its reader. Within a thread's range of units,
//! `<layer>_next` remembers what is done; at the start of a range the rows above the strip are computed anew.

use sartor_models::escape::word;

use crate::ir::stage::{Arm, Int, Pointer, Region, Stage, Step};
use crate::layout::MapId;
use crate::layout::PANEL;
use crate::lower::direct::{Direct, Source};
use crate::lower::eltwise::{self, Eltwise};
use crate::lower::epilogue::Epilogue;
use crate::lower::pointwise::Pointwise;
use crate::lower::tile;
use crate::lower::window::{self, Window};
use crate::network::layers::{Conv, Layer, LayerId, LayerOp};
use crate::network::line::problem_line;
use crate::network::pack::{PackedLayer, PanelRun, lifts_zero};
use crate::schedule::tuning::LayerChoice;

use super::Context;
use super::library::Spec;
use crate::plan::{Place, Rows, StagePlan};

/// Pixels that a call inside a chain should have at least.
const PIXELS: usize = 28;

/// Output rows that a window computes in a group.
const WINDOW_ROWS: usize = 2;

/// Vertical geometry of a layer: output row `r` reads the rows `r * stride - pad ..` of its source, `kernel` of them. Those behind the
/// source's last are padding.
#[derive(Clone, Copy, Debug)]
struct Slide {
    kernel: usize,
    stride: usize,
    pad: usize,
}

const STILL: Slide = Slide { kernel: 1, stride: 1, pad: 0 };

/// A layer of a chain.
#[derive(Clone, Debug)]
struct Member {
    layer: LayerId,
    /// Prefix of its variables.
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

    /// Source rows that groups `begin..end` read.
    fn reads(&self, begin: usize, end: usize) -> (usize, usize) {
        let Slide { kernel, stride, pad } = self.slide;
        let lo = (begin * self.group * stride).saturating_sub(pad);
        let hi = ((end * self.group).min(self.oh) * stride + kernel).saturating_sub(stride + pad);
        (lo.min(self.ih), hi.min(self.ih))
    }
}

pub fn lower(cx: &mut Context<'_>, name: String, chain: &[LayerId], strip: usize, how: &[LayerChoice]) -> StagePlan {
    let members: Vec<Member> = (0..chain.len()).map(|at| member(cx, chain, at, strip, how[at])).collect();
    let last = &members[members.len() - 1];
    let strip = strip.next_multiple_of(last.group);
    let strips = last.oh.div_ceil(strip);
    let per_strip = strip.div_ceil(last.group);
    let rows = place_rings(cx, &members, strips, per_strip);
    let batch = cx.options.batch;

    let mut body = Vec::new();
    // Nothing is kept from strip to strip where an image is one strip.
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
    // Ranges of groups, from the last layer back to the first.
    let mut ranges: Vec<(Int, Int)> = vec![(Int::Const(0), Int::Const(0)); members.len()];
    let end = strip_var.clone().plus(1).times(per_strip);
    let end = if strips * per_strip > last.groups() { end.min(last.groups()) } else { end };
    ranges[members.len() - 1] = (strip_var.times(per_strip), end);
    for at in (0..members.len() - 1).rev() {
        let (producer, reader) = (&members[at], &members[at + 1]);
        let Slide { kernel, stride, pad } = reader.slide;
        let (begin, end) = ranges[at + 1].clone();
        let lo = begin.times(reader.group * stride).minus(pad).over(producer.group);
        let out_end = end.times(reader.group);
        let out_end = if reader.groups() * reader.group > reader.oh { out_end.min(reader.oh) } else { out_end };
        let hi = out_end.times(stride);
        let hi = if kernel >= stride + pad { hi.plus(kernel - stride - pad) } else { hi.minus(stride + pad - kernel) };
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
            // Where there is but one group, its calls do not ask which.
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
    let index = chain[at];
    let layer = &cx.layers[index];
    let (family, slide) = match &layer.op {
        LayerOp::Conv(conv) if layer.is_pointwise() && cx.places[conv.src] != Place::Input => ("pointwise", STILL),
        LayerOp::Conv(conv) => ("direct", slide(conv.window)),
        LayerOp::Depthwise(depthwise) => ("depthwise", slide(depthwise.window)),
        LayerOp::Pool(pool) => ("pool", slide(pool.window)),
        LayerOp::Scale { .. } => ("scale", STILL),
        LayerOp::Add { .. } => ("add", STILL),
        LayerOp::Mean { .. } | LayerOp::Activation { .. } => ("activation", STILL),
    };
    let (src, dst) = (&cx.layers[layer.sources()[0]], &cx.layers[layer.dst()]);
    let rows = how.rows.map(|rows| rows.max(1));
    let group = match family {
        // Its kernel computes one row.
        "direct" => 1,
        // Groups would reach beyond a strip of odd height, and what lies beyond is computed twice by two threads.
        "depthwise" | "pool" if strip % 2 == 1 && chain[at + 1..].iter().all(|&later| is_still(&cx.layers[later])) => strip,
        "depthwise" | "pool" => rows.unwrap_or(WINDOW_ROWS),
        _ if rows.is_some() => rows.unwrap_or(1),
        _ if at + 1 == chain.len() => strip,
        _ => PIXELS.div_ceil(dst.w),
    };
    let name = if chain.len() == 1 { family.to_string() } else { format!("{family}{at}") };
    Member { layer: index, name, group: group.min(dst.h), oh: dst.h, ih: src.h, slide, how }
}

/// Whether a row of the layer needs that row of its source only.
fn is_still(layer: &Layer) -> bool {
    !matches!(layer.op, LayerOp::Depthwise(_) | LayerOp::Pool(_))
}

fn slide(window: sartor_models::Window) -> Slide {
    let (rows, _) = window.axes();
    Slide { kernel: rows.kernel, stride: rows.stride, pad: rows.padding.before }
}

/// Gives each inner map a ring just deep enough, and tells which rows each strip computes.
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
        // A reader that takes whole groups of rows in one call must find them side by side.
        let reader = &members[at + 1];
        let side_by_side = if matches!(reader.slide, Slide { kernel: 1, stride: 1, pad: 0 }) { reader.group } else { 1 };
        let unit = lcm(member.group, side_by_side);
        let whole = member.oh.next_multiple_of(unit);
        let ring = depth[at].next_multiple_of(unit).min(whole).max(unit);
        let map = cx.layers[member.layer].dst();
        cx.places[map] = Place::Ring { offset, rows: ring };
        offset += ring * cx.row_len(map);
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

/// Where row `row` of a map begins.
fn row_pointer(cx: &Context<'_>, map: MapId, row: Int) -> Pointer {
    let image = |len: usize| if cx.options.batch == 1 { Int::Const(0) } else { Int::var("image").times(len) };
    match cx.places[map] {
        Place::Input => {
            let shape = &cx.layers[map];
            Pointer { region: Region::Input, offset: image(shape.c * shape.h * shape.w).plus(row.times(shape.w)) }
        }
        Place::Arena { offset } => {
            let offset = image(cx.image_len(map)).plus(row.times(cx.row_len(map))).plus(offset);
            Pointer { region: Region::Arena, offset }
        }
        Place::Ring { offset, rows } => {
            let slot = if rows >= cx.layers[map].h { row } else { row.modulo(rows) };
            Pointer { region: Region::Scratch, offset: slot.times(cx.row_len(map)).plus(offset) }
        }
    }
}

/// The calls of one group of rows; groups at the borders have arms of their own.
fn group_calls(cx: &mut Context<'_>, member: &Member, group: &Int, problem: &str) -> Vec<Step> {
    let Slide { kernel, stride, pad } = member.slide;
    // What distinguishes one group from another: its rows, and which source rows exist.
    let shape = |q: usize| {
        let rows = member.group.min(member.oh - q * member.group);
        let top = q * member.group * stride;
        let first = pad.saturating_sub(top);
        let last = (member.ih + pad).saturating_sub(top).min((rows - 1) * stride + kernel);
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
        arm.body = calls(cx, member, &group, rows, present, problem);
    }
    match arms.len() {
        1 => arms.remove(0).body,
        _ => vec![Step::Match { on: group.clone(), arms }],
    }
}

fn calls(cx: &mut Context<'_>, member: &Member, group: &Int, rows: usize, present: (usize, usize), problem: &str) -> Vec<Step> {
    let layers = cx.layers;
    let layer = &layers[member.layer];
    let Slide { stride, pad, .. } = member.slide;
    let out_row = group.clone().times(member.group);
    let src_row = |relative: usize| {
        let top = group.clone().times(member.group * stride);
        if relative >= pad { top.plus(relative - pad) } else { top.minus(pad - relative) }
    };
    let dst = layer.dst();
    let dst_map = &layers[dst];
    match &layer.op {
        LayerOp::Conv(conv) => conv_calls(cx, member, conv, &out_row, &src_row, rows, present, problem),
        LayerOp::Depthwise(_) | LayerOp::Pool(_) => {
            let (kind, src, geometry, act) = match &layer.op {
                LayerOp::Depthwise(dw) => (window::Kind::Depthwise, dw.src, dw.window, dw.act),
                LayerOp::Pool(pool) => {
                    let kind = match pool.kind {
                        crate::network::layers::PoolKind::Max => window::Kind::Max,
                        crate::network::layers::PoolKind::Average => window::Kind::Average,
                    };
                    (kind, pool.src, pool.window, pool.act)
                }
                _ => unreachable!("matched above"),
            };
            let sartor_models::Window { kernel, stride, padding, .. } = geometry;
            let mut steps = Vec::new();
            // A row too many in one call costs less than a call of one row.
            let most = member.how.rows.unwrap_or(WINDOW_ROWS + 1).max(1);
            let runs = tile::even(rows, most).into_iter();
            for (first, rows) in runs.flat_map(|run| (0..run.count).map(move |i| (run.start + i * run.size, run.size))) {
                // The source rows that its windows touch, and those of them that exist.
                let (top, bottom) = (first * stride.0, (first + rows - 1) * stride.0 + kernel.0);
                let (begin, end) = (present.0.clamp(top, bottom), present.1.clamp(top, bottom));
                let spec = Window {
                    kind,
                    panels: cx.panels(src),
                    kernel,
                    stride,
                    pad: padding.1.before,
                    iw: cx.layers[src].w,
                    ow: dst_map.w,
                    rows,
                    present: (begin - top, end - top),
                    src_pitch: cx.pitch(src),
                    dst_pitch: cx.pitch(dst),
                    act,
                    columns: member.how.columns,
                };
                let mut args: Vec<Pointer> = (begin..end).map(|row| row_pointer(cx, src, src_row(row))).collect();
                if let PackedLayer::Depthwise(offset) = cx.packed.layers[member.layer] {
                    args.push(Pointer { region: Region::Weights, offset: offset.into() });
                }
                args.extend((first..first + rows).map(|row| row_pointer(cx, dst, out_row.clone().plus(row))));
                steps.push(call(cx, member.layer, &Spec::Window(spec), args, problem));
            }
            steps
        }
        LayerOp::Scale { src, act, .. } | LayerOp::Add { a: src, act, .. } => {
            eltwise_calls(cx, member, *src, *act, &out_row, rows, problem)
        }
        LayerOp::Activation { src, act, .. } => eltwise_calls(cx, member, *src, Some(*act), &out_row, rows, problem),
        LayerOp::Mean { .. } => Vec::new(),
    }
}

fn eltwise_calls(
    cx: &mut Context<'_>,
    member: &Member,
    src: MapId,
    act: Option<sartor_models::Activation>,
    out_row: &Int,
    rows: usize,
    problem: &str,
) -> Vec<Step> {
    let layers = cx.layers;
    let layer = &layers[member.layer];
    let dst = layer.dst();
    let (kind, other) = match &layer.op {
        LayerOp::Scale { gate, .. } => (eltwise::Kind::Scale, Some(row_pointer(cx, *gate, Int::Const(0)))),
        LayerOp::Add { b, .. } => {
            let kind = eltwise::Kind::Add { panels: cx.panels(*b), pitch: cx.pitch(*b) };
            (kind, Some(row_pointer(cx, *b, out_row.clone())))
        }
        _ => (eltwise::Kind::Copy, None),
    };
    let used = cx.layers[dst].c % PANEL;
    let spec = Eltwise {
        kind,
        m: rows * cx.layers[dst].w,
        panels: cx.panels(src),
        src_pitch: cx.pitch(src),
        dst_pitch: cx.pitch(dst),
        act,
        last_lanes: (lifts_zero(act) && used != 0).then_some(used),
    };
    let mut args = vec![row_pointer(cx, src, out_row.clone())];
    args.extend(other);
    args.push(row_pointer(cx, dst, out_row.clone()));
    vec![call(cx, member.layer, &Spec::Eltwise(spec), args, problem)]
}

fn conv_calls(
    cx: &mut Context<'_>,
    member: &Member,
    conv: &Conv,
    out_row: &Int,
    src_row: &dyn Fn(usize) -> Int,
    rows: usize,
    present: (usize, usize),
    problem: &str,
) -> Vec<Step> {
    let (layers, packed) = (cx.layers, cx.packed);
    let PackedLayer::Conv(runs) = &packed.layers[member.layer] else { return Vec::new() };
    let (src_map, dst_map) = (&layers[conv.src], &layers[conv.dst]);
    let mut steps = Vec::new();
    for run in runs {
        let epilogue = epilogue(cx, conv, run);
        let weights = Pointer { region: Region::Weights, offset: run.offset.into() };
        let lane = run.first * PANEL;
        let shifted = |mut pointer: Pointer| {
            pointer.offset = pointer.offset.plus(lane);
            pointer
        };
        let res = conv.shortcut.filter(|_| run.shortcut).map(|map| shifted(row_pointer(cx, map, out_row.clone())));
        let dst = shifted(row_pointer(cx, conv.dst, out_row.clone()));
        let (spec, mut args) = if member.name.starts_with("pointwise") {
            let spec = Pointwise {
                m: rows * dst_map.w,
                segments: run.segments.clone(),
                panels: run.panels,
                idle: cx.whole_vectors(run.idle),
                src_pitch: cx.pitch(conv.src),
                dst_pitch: cx.pitch(conv.dst),
                epilogue,
                ahead: 0,
                tile: member.how.tile,
            };
            (Spec::Pointwise(spec), vec![row_pointer(cx, conv.src, out_row.clone())])
        } else {
            let source = match cx.places[conv.src] {
                Place::Input => Source::Planar { plane: src_map.h * src_map.w },
                _ => Source::Pitched { pitch: cx.pitch(conv.src) },
            };
            let spec = Direct {
                kernel: conv.window.kernel,
                present,
                stride: conv.window.stride.1,
                pad: conv.window.padding.1.before,
                iw: src_map.w,
                ow: dst_map.w,
                source,
                segments: run.segments.clone(),
                panels: run.panels,
                idle: cx.whole_vectors(run.idle),
                dst_pitch: cx.pitch(conv.dst),
                epilogue,
                tile: member.how.tile,
            };
            (Spec::Direct(spec), (present.0..present.1).map(|row| row_pointer(cx, conv.src, src_row(row))).collect())
        };
        args.push(weights);
        args.push(dst);
        args.extend(res);
        steps.push(call(cx, member.layer, &spec, args, problem));
    }
    steps
}

/// What a run of panels does with its sums.
pub fn epilogue(cx: &Context<'_>, conv: &Conv, run: &PanelRun) -> Epilogue {
    Epilogue {
        act: conv.act,
        last_lanes: run.last_lanes,
        blend: run.blend,
        shortcut: conv.shortcut.filter(|_| run.shortcut).map(|map| cx.pitch(map)),
        post_act: conv.post_act,
    }
}

/// A call of the kernel of a specification.
pub fn call(cx: &mut Context<'_>, layer: LayerId, spec: &Spec, args: Vec<Pointer>, problem: &str) -> Step {
    let kernel = cx.library.get(spec, problem);
    cx.uses(layer, kernel);
    Step::Call { kernel, args }
}
