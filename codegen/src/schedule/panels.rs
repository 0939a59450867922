//! Lowers layers whose weights outweigh their maps. A convolution is split along its output lanes, so that every weight is
//! read once, by one thread. A reduction of a map's pixels is split along its panels.

use crate::ir::stage::{Arm, Int, Pointer, Region, Stage, Step};
use crate::layout::MapId;
use crate::layout::{PANEL, padded};
use crate::lower::pointwise::Pointwise;
use crate::lower::reduce::Reduce;
use crate::lower::tile::{self, Run};
use crate::network::layers::{LayerId, LayerOp};
use crate::network::pack::{PackedLayer, PanelRun};
use crate::schedule::tuning::PanelsChoice;

use super::blocks::{FEWEST_ROWS, cut};
use super::context::Context;
use super::panel_rows;
use crate::lower::spec::Spec;
use crate::network::line::problem_line;
use crate::plan::{Place, StagePlan};

/// The largest number of panels of a unit that the cost model chooses. With fewer panels, there are more units for threads to
/// share.
const MOST_PANELS: usize = 4;

pub fn stage(cx: &mut Context<'_>, name: String, layer: LayerId, how: &PanelsChoice) -> StagePlan {
    let (layers, packed) = (cx.layers, cx.site.packed);
    let problem = problem_line(layers, &cx.layers[layer], cx.site.batch);
    let (LayerOp::Conv(conv), PackedLayer::Conv(runs)) = (&layers[layer].op, &packed.layers[layer]) else {
        return StagePlan {
            code: Stage { name, doc: vec![problem], units: 0, body: Vec::new() },
            layers: vec![layer],
            rows: None,
        };
    };
    if !conv.is_pointwise() {
        return panel_rows::stage(cx, name, layer, (conv, runs), how, problem);
    }
    let dst = &layers[conv.dst];
    let m = dst.h * dst.w * cx.site.batch;
    let mut arms: Vec<Arm> = Vec::new();
    let mut units = 0;
    for run in runs {
        let k = run.taps(&conv.window);
        let block = how.panels.unwrap_or_else(|| width(cx, m, run.panels, k)).clamp(1, run.panels);
        let ahead = how.ahead.unwrap_or(1);
        for part in parts(run, cut(m, run.panels, block, cx.options.threads), k, ahead, packed.data.len()) {
            let len = part.size * PANEL * (1 + k);
            let is_last = part.count == 1 && part.start + part.size == run.panels;
            let whole_run = conv.pointwise(&cx.site, run, m, how.tile);
            let idle = if is_last { whole_run.idle } else { 0 };
            let mut spec = Pointwise { panels: part.size, idle, ..whole_run };
            // The weights that follow in memory are those needed next: the next panels of the same layer, or the first of the
            // next layer.
            let worthwhile = ahead > 0 && m >= FEWEST_ROWS && spec.can_fetch(cx.site.level, len);
            if worthwhile && follows(run, part, k, ahead, packed.data.len()) {
                spec.ahead = len;
            }
            let next = (spec.ahead > 0).then_some(len * ahead);
            let index = Int::var("unit").minus(units);
            let index = if part.count == 1 { Int::Const(0) } else { index };
            let lane = index.clone().times(part.size * PANEL).plus((run.first + part.start) * PANEL);
            let weights = index.times(part.size * spec.panel_len()).plus(run.offset + part.start * spec.panel_len());
            let mut args = vec![
                whole(cx, conv.src, conv.base(run).into()),
                Pointer { region: Region::Weights, offset: weights.clone() },
                whole(cx, conv.dst, lane.clone()),
            ];
            args.extend(conv.shortcut.filter(|_| run.shortcut).map(|map| whole(cx, map, lane)));
            args.extend(next.map(|next| Pointer { region: Region::Weights, offset: weights.plus(next) }));
            let step = cx.site.call(layer, &Spec::Pointwise(spec), args, &problem);
            arms.push(Arm { lo: units, hi: units + part.count - 1, body: vec![step] });
            units += part.count;
        }
    }
    let body = Step::by(Int::var("unit"), arms);
    StagePlan { code: Stage { name, doc: vec![problem], units, body }, layers: vec![layer], rows: None }
}

/// The units of a run of panels. If too few weights follow the last units to fetch `ahead` units ahead, these are a part of their
/// own.
fn parts(run: &PanelRun, units: Vec<Run>, k: usize, ahead: usize, weights: usize) -> Vec<Run> {
    let mut parts = Vec::new();
    for part in units {
        if part.count <= ahead || follows(run, part, k, ahead, weights) {
            parts.push(part);
        } else {
            let count = part.count - ahead;
            parts.push(Run { count, ..part });
            parts.push(Run { start: part.start + part.size * count, count: ahead, ..part });
        }
    }
    parts
}

/// Whether the array of weights holds `ahead` more units, of as many weights each, after the last unit of a part.
fn follows(run: &PanelRun, part: Run, k: usize, ahead: usize, weights: usize) -> bool {
    let end = part.start + part.size * (part.count + ahead);
    run.offset + end * PANEL * (1 + k) <= weights
}

/// How many panels a unit has: those of the best tile, or a multiple of that if tiles are narrow.
fn width(cx: &Context<'_>, m: usize, panels: usize, k: usize) -> usize {
    let best = tile::choose(cx.site.level, m, panels, k)[0].panels.size;
    (MOST_PANELS / best).max(1) * best
}

/// A reduction of the pixels of each image's map. The threads share its panels, unless one walk over the map is faster.
pub fn reduce_stage(cx: &mut Context<'_>, name: String, layer: LayerId) -> StagePlan {
    let problem = problem_line(cx.layers, &cx.layers[layer], cx.site.batch);
    let (mut body, mut parts) = (Vec::new(), 1);
    if let LayerOp::Reduce(op) = &cx.layers[layer].op {
        let (src, dst) = (op.src, op.dst);
        let map = &cx.layers[src];
        let (pixels, panels) = (map.h * map.w, padded(map.c) / PANEL);
        let largest = if Reduce::is_one_walk(panels, cx.site.pitch(src)) { panels } else { panels.div_ceil(cx.options.threads) };
        let runs = tile::even(panels, largest);
        parts = runs.iter().map(|run| run.count).sum();
        let (image, part) = match cx.site.batch {
            1 => (Int::Const(0), Int::var("unit")),
            _ => (Int::var("unit").over(parts), Int::var("unit").modulo(parts)),
        };
        let (mut arms, mut lo) = (Vec::new(), 0);
        for run in runs {
            let spec = Reduce { reduction: op.reduction, pixels, panels: run.size, src_pitch: cx.site.pitch(src) };
            let index = if run.count == 1 { Int::Const(0) } else { part.clone().minus(lo) };
            let lane = index.times(run.size * PANEL).plus(run.start * PANEL);
            let at = |map| whole(cx, map, image.clone().times(cx.site.image_len(map)).plus(lane.clone()));
            let args = vec![at(src), at(dst)];
            arms.push(Arm { lo, hi: lo + run.count - 1, body: vec![cx.site.call(layer, &Spec::Reduce(spec), args, &problem)] });
            lo += run.count;
        }
        body.extend(Step::by(part, arms));
    }
    let code = Stage { name, doc: vec![problem], units: parts * cx.site.batch, body };
    StagePlan { code, layers: vec![layer], rows: None }
}

/// A pointer into a map of the arena. `at` counts from the map's first image.
fn whole(cx: &Context<'_>, map: MapId, at: Int) -> Pointer {
    let offset = if let Place::Arena { offset } = cx.site.places[map] { offset } else { 0 };
    Pointer { region: Region::Arena, offset: at.plus(offset) }
}
