//! Lowers layers that move values, from a map or from the weights. A unit is a part of the destination's outermost loop.

use super::context::Context;
use crate::ir::stage::{Arm, Int, Pointer, Region, Stage, Step};
use crate::layout::{Loop, PANEL, Place, padded};
use crate::lower::moved::{Cleared, Moved};
use crate::lower::spec::Spec;
use crate::network::layers::{LayerId, LayerOp};
use crate::network::line::problem_line;
use crate::network::pack::PackedLayer;
use crate::plan::StagePlan;

/// The least number of values that a unit should move.
const FEWEST: usize = 4096;

pub fn stage(cx: &mut Context<'_>, name: String, layer: LayerId) -> StagePlan {
    let problem = problem_line(cx.layers, &cx.layers[layer], cx.site.batch);
    let (mut body, mut units) = (Vec::new(), 0);
    if let Some(Source { start, first, loops, lanes }) = source(cx, layer) {
        let id = cx.layers[layer].dst();
        let dst = &cx.layers[id];
        let (dst_lane, dst_channels) = match &cx.layers[layer].op {
            LayerOp::Move(op) => (op.dst_lane, op.dst_channels),
            _ => (0, dst.c),
        };
        let is_aligned = start.region != Region::Input && dst_lane.is_multiple_of(PANEL);
        let end = dst_lane + dst_channels;
        let pads = (dst_channels, padded(end) - end);
        let division = Division::new(loops, lanes, first, is_aligned).cleared(pads, dst.h * dst.w, dst.pitch());
        units = division.units();
        let mut part = Int::var("unit");
        if cx.site.batch > 1 {
            body.push(Step::Let("image".into(), part.clone().over(units)));
            body.push(Step::Let("part".into(), part.modulo(units)));
            part = Int::var("part");
        }
        let first_row = cx.site.row(id, Int::Const(0));
        let at = |pointer: &Pointer, index: Int| Pointer { offset: pointer.offset.clone().plus(index), ..pointer.clone() };
        let mut arms = Vec::new();
        for run in division.runs() {
            let index = if run.units == 1 { Int::Const(run.lo) } else { part.clone() };
            let (from, to) = division.steps();
            let args = vec![at(&start, index.clone().times(from).plus(first)), at(&first_row, index.times(to).plus(dst_lane))];
            let call = cx.site.call(layer, &Spec::Moved(run.spec), args, &problem);
            arms.push(Arm { lo: run.lo, hi: run.lo + run.units - 1, body: vec![call] });
        }
        body.extend(Step::by(part, arms));
    }
    let code = Stage { name, doc: vec![problem], units: units * cx.site.batch, body };
    StagePlan { code, layers: vec![layer], rows: None }
}

/// What is moved.
struct Source {
    /// Where it begins for each image.
    start: Pointer,
    /// f32 from there to the first value.
    first: usize,
    loops: Vec<Loop>,
    /// How many lanes the map has, if all are moved and stay in order. Pad lanes, which are zero, can then be moved with the others.
    lanes: Option<usize>,
}

fn source(cx: &Context<'_>, layer: LayerId) -> Option<Source> {
    let maps = cx.layers.maps.as_ref();
    match (&cx.layers[layer].op, &cx.site.packed.layers[layer]) {
        (LayerOp::Move(op), _) => {
            let is_planar = cx.site.places[op.src] == Place::Input;
            let src = &cx.layers[op.src];
            let first = if is_planar { op.src_lane * src.h * src.w } else { op.src_lane };
            let is_whole = !is_planar && op.channels == src.c && src.c == op.dst_channels;
            let start = cx.site.row(op.src, Int::Const(0));
            Some(Source { start, first, loops: op.loops(maps, is_planar), lanes: is_whole.then_some(src.c) })
        }
        (LayerOp::Constant(op), PackedLayer::Constant(offset)) => {
            let start = Pointer { region: Region::Weights, offset: Int::Const(*offset) };
            Some(Source { start, first: 0, loops: op.loops(maps), lanes: None })
        }
        _ => None,
    }
}

/// How the values of an image are divided into units.
struct Division {
    /// The outermost loop.
    outer: Loop,
    /// Iterations of it in a unit. The last unit may have fewer.
    each: usize,
    /// The loops inside.
    inner: Vec<Loop>,
    /// See [`Moved::together`].
    together: usize,
    /// Of a pixel of the destination, the lanes that are zero: the first, and how many.
    pads: (usize, usize),
    /// Pixels of the destination.
    pixels: usize,
    /// f32 from pixel to pixel of the destination.
    pitch: usize,
}

/// Units with the same kernel.
struct Run {
    lo: usize,
    units: usize,
    spec: Moved,
}

impl Division {
    /// `lanes` is how many a map has that may keep its lanes, `first` where its values begin, and `is_aligned` whether whole
    /// vectors can be read there.
    fn new(mut loops: Vec<Loop>, lanes: Option<usize>, first: usize, is_aligned: bool) -> Self {
        let mut together = 1;
        if is_aligned && let Some(at) = loops.iter().position(|each| (each.src, each.dst) == (1, 1)) {
            let others = |stride: usize| stride.is_multiple_of(PANEL);
            let is_apart = loops.iter().enumerate().all(|(i, each)| i == at || others(each.src) && others(each.dst));
            let count = loops[at].count;
            if is_apart && others(first) && (others(count) || lanes == Some(count)) {
                together = padded(count);
                loops.remove(at);
            }
        }
        let outer = if loops.is_empty() { Loop { count: 1, src: 0, dst: 0 } } else { loops.remove(0) };
        let inside = together * loops.iter().map(|each| each.count).product::<usize>();
        let mut each = FEWEST.div_ceil(inside);
        if outer.src < PANEL {
            // A unit that reads a few lanes of many pixels reads whole panels.
            each = each.next_multiple_of(PANEL);
        }
        Self { outer, each: each.min(outer.count), inner: loops, together, pads: (0, 0), pixels: 1, pitch: 0 }
    }

    /// With the lanes of the destination that are set to zero.
    fn cleared(self, pads: (usize, usize), pixels: usize, pitch: usize) -> Self {
        // What is moved in whole panels has no pad lanes, or has them moved with the others.
        let pads = if self.together > 1 { (pads.0, 0) } else { pads };
        Self { pads, pixels, pitch, ..self }
    }

    fn units(&self) -> usize {
        self.outer.count.div_ceil(self.each)
    }

    /// f32 from unit to unit of the source and of the destination.
    fn steps(&self) -> (usize, usize) {
        (self.each * self.outer.src, self.each * self.outer.dst)
    }

    /// The units. Those of a map of several pixels clear the pad lanes of their own pixels, and of one pixel the last unit does.
    fn runs(&self) -> Vec<Run> {
        let units = self.units();
        let last = self.outer.count - (units - 1) * self.each;
        let is_special = last != self.each || (self.pixels == 1 && self.pads.1 > 0);
        let alike = if is_special { units - 1 } else { units };
        let mut runs = Vec::new();
        if alike > 0 {
            runs.push(Run { lo: 0, units: alike, spec: self.spec(self.each, self.pixels > 1) });
        }
        if is_special {
            runs.push(Run { lo: units - 1, units: 1, spec: self.spec(last, true) });
        }
        runs
    }

    fn spec(&self, iterations: usize, clears: bool) -> Moved {
        let outer = Loop { count: iterations, ..self.outer };
        let loops = std::iter::once(outer).chain(self.inner.iter().copied()).filter(|each| each.count > 1).collect();
        let cleared = (clears && self.pads.1 > 0).then(|| {
            let (first, pixels) = match self.pixels {
                1 => (self.pads.0 - (self.units() - 1) * self.steps().1, 1),
                _ => (self.pads.0, iterations * self.outer.dst / self.pitch),
            };
            Cleared { first, lanes: self.pads.1, pixels, pitch: if pixels > 1 { self.pitch } else { 0 } }
        });
        Moved { loops, together: self.together, cleared }
    }
}
