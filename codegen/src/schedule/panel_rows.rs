//! Lowers a convolution with a window whose weights L2 does not hold. It is split along its output lanes, as a 1x1 convolution is:
//! each unit computes all rows of some panels, so that its weights are read once from behind L2, and then from there.

use super::blocks::cut;
use super::context::Context;
use super::rows::{group_calls, member};
use crate::ir::stage::{Arm, Int, Stage, Step};
use crate::layout::PANEL;
use crate::lower::tile;
use crate::network::layers::LayerId;
use crate::network::pack::PanelRun;
use crate::ops::Conv;
use crate::ops::choice::{LayerChoice, PanelsChoice};
use crate::plan::StagePlan;

/// The stage of a convolution whose packed panels are in these runs.
pub fn stage(
    cx: &mut Context<'_>,
    name: String,
    layer: LayerId,
    (conv, runs): (&Conv, &[PanelRun]),
    how: &PanelsChoice,
    problem: String,
) -> StagePlan {
    let dst = &cx.layers[conv.dst];
    let member = member(cx, &[layer], 0, dst.h, LayerChoice { tile: how.tile, ..LayerChoice::default() });
    let mut arms: Vec<Arm> = Vec::new();
    let mut units = 0;
    for run in runs {
        let k = run.taps(&conv.window);
        let widest = how.panels.unwrap_or_else(|| block(cx, member.group * dst.w, run.panels, k)).clamp(1, run.panels);
        for part in cut(dst.h * dst.w * cx.site.batch, run.panels, widest, cx.options.threads) {
            let is_last = part.count == 1 && part.start + part.size == run.panels;
            let unit = PanelRun {
                first: run.first + part.start,
                panels: part.size,
                idle: if is_last { run.idle } else { 0 },
                offset: run.offset + part.start * PANEL * (1 + k),
                ..run.clone()
            };
            let index = if part.count == 1 { Int::Const(0) } else { Int::var("unit").minus(units) };
            let row = Int::var("row");
            let site = &mut cx.site;
            let calls = group_calls(&member, &row, &problem, |rows| vec![conv.call(site, rows, &unit, &index)]);
            let var = if member.groups() > 1 { "row" } else { "_" };
            let mut body = vec![Step::For { var: var.into(), lo: Int::Const(0), hi: member.groups().into(), body: calls }];
            if cx.site.batch > 1 {
                body = vec![Step::For { var: "image".into(), lo: Int::Const(0), hi: cx.site.batch.into(), body }];
            }
            arms.push(Arm { lo: units, hi: units + part.count - 1, body });
            units += part.count;
        }
    }
    let body = Step::by(Int::var("unit"), arms);
    StagePlan { code: Stage { name, doc: vec![problem], units, body }, layers: vec![layer], rows: None }
}

/// Panels of a unit: as many as a tile has, if most of L2 holds their weights. A tile of one panel would load more than it computes.
fn block(cx: &Context<'_>, pixels: usize, panels: usize, k: usize) -> usize {
    let held = cx.options.l2 / 4 * 3 / (4 * PANEL * (1 + k));
    tile::choose(cx.site.level, pixels, panels, k)[0].panels.size.min(held.max(2))
}
