//! Lowers layers that move pixels. A unit is a row of the source, whose pixels go to one or more rows of the destination, or a
//! row of the destination.

use sartor_models::{Padding, Rearrange};

use super::context::Context;
use crate::ir::stage::{Arm, Int, Pointer, Stage, Step};
use crate::layout::PANEL;
use crate::lower::spec::Spec;
use crate::lower::spread::Spread;
use crate::network::layers::{LayerId, LayerOp};
use crate::network::line::problem_line;
use crate::ops::Rearranged;
use crate::plan::StagePlan;

pub fn stage(cx: &mut Context<'_>, name: String, layer: LayerId) -> StagePlan {
    let problem = problem_line(cx.layers, &cx.layers[layer], cx.site.batch);
    let (mut body, mut units) = (Vec::new(), 0);
    if let LayerOp::Rearrange(op) = &cx.layers[layer].op {
        let (src, dst) = (&cx.layers[op.src], &cx.layers[op.dst]);
        units = match op.how {
            Rearrange::Upsample { .. } | Rearrange::DepthToSpace { .. } => src.h,
            Rearrange::Pad { .. } | Rearrange::Crop { .. } => dst.h,
        };
        let mut row = Int::var("unit");
        if cx.site.batch > 1 {
            body.push(Step::Let("image".into(), row.clone().over(units)));
            body.push(Step::Let("row".into(), row.modulo(units)));
            row = Int::var("row");
        }
        body.extend(Rows { cx, layer, op, problem: &problem }.calls(&row));
    }
    let code = Stage { name, doc: vec![problem], units: units * cx.site.batch, body };
    StagePlan { code, layers: vec![layer], rows: None }
}

/// Writes the calls of a unit.
struct Rows<'a, 'b> {
    cx: &'a mut Context<'b>,
    layer: LayerId,
    op: &'a Rearranged,
    problem: &'a str,
}

impl Rows<'_, '_> {
    fn calls(mut self, row: &Int) -> Vec<Step> {
        let (src, dst) = (&self.cx.layers[self.op.src], &self.cx.layers[self.op.dst]);
        match self.op.how {
            Rearrange::Upsample { rows, columns } => {
                let spread = self.spread(src.w, columns, 0);
                (0..rows).map(|i| self.copy(&spread, (row.clone(), 0), row.clone().times(rows).plus(i))).collect()
            }
            Rearrange::DepthToSpace { block, .. } => {
                let step = self.cx.site.panels(self.op.dst) * PANEL;
                let last_lanes = Some(dst.c % PANEL).filter(|&used| used > 0);
                let spread = Spread { last_lanes, ..self.spread(src.w, block, step) };
                let copy = |i| self.copy(&spread, (row.clone(), i * block * step), row.clone().times(block).plus(i));
                (0..block).map(copy).collect()
            }
            Rearrange::Crop { rows, columns } => {
                let spread = self.spread(dst.w, 1, 0);
                let first = columns.before * self.cx.site.pitch(self.op.src);
                vec![self.copy(&spread, (row.clone().plus(rows.before), first), row.clone())]
            }
            Rearrange::Pad { rows, columns } => {
                let Padding { before, after } = columns;
                let copies = Spread { before, after, ..self.spread(src.w, 1, 0) };
                let clears = Spread { after: dst.w, ..self.spread(0, 1, 0) };
                let mut arms = Vec::new();
                let end = rows.before + src.h;
                for (lo, end, spread) in [(0, rows.before, &clears), (rows.before, end, &copies), (end, dst.h, &clears)] {
                    if lo < end {
                        let source = if spread.pixels > 0 { row.clone().minus(rows.before) } else { Int::Const(0) };
                        arms.push(Arm { lo, hi: end - 1, body: vec![self.copy(spread, (source, 0), row.clone())] });
                    }
                }
                Step::by(row.clone(), arms)
            }
        }
    }

    fn spread(&self, pixels: usize, copies: usize, step: usize) -> Spread {
        let (site, op) = (&self.cx.site, self.op);
        let (src_pitch, dst_pitch) = (site.pitch(op.src), site.pitch(op.dst));
        Spread { pixels, copies, step, before: 0, after: 0, panels: site.panels(op.dst), last_lanes: None, src_pitch, dst_pitch }
    }

    /// The call that makes a row of the destination of a row of the source, from this f32 of it on.
    fn copy(&mut self, spread: &Spread, (src, first): (Int, usize), dst: Int) -> Step {
        let site = &mut self.cx.site;
        let mut args = Vec::new();
        if spread.pixels > 0 {
            let row = site.row(self.op.src, src);
            args.push(Pointer { offset: row.offset.plus(first), ..row });
        }
        args.push(site.row(self.op.dst, dst));
        site.call(self.layer, &Spec::Spread(spread.clone()), args, self.problem)
    }
}
