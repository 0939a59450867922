//! What the cost model knows of a stage.

use sartor_models::Window;

use super::Options;
use crate::ir::isa;
use crate::layout::{PANEL, padded};
use crate::lower::tile;
use crate::network::layers::{LayerId, LayerOp, Layers};
use crate::schedule::tuning::Choice;

/// Cycles, roughly, of a stage's arithmetic: what the cost model knows of it.
pub fn cycles(layers: &Layers, stage: &[LayerId], choice: &Choice, options: &Options) -> f64 {
    let of = |(at, &index): (usize, &LayerId)| {
        let layer = &layers[index];
        let dst = &layers[layer.dst()];
        let rows = |usual: usize| match choice {
            Choice::Rows { layers, .. } => layers[at].rows.unwrap_or(usual).clamp(1, dst.h),
            Choice::Panels(_) => dst.h,
        };
        let level = options.level;
        let vectors = (padded(dst.c) / isa::of(level).lanes) as f64;
        match &layer.op {
            LayerOp::Conv(conv) => {
                let tile = match choice {
                    Choice::Rows { layers, .. } => layers[at].tile,
                    Choice::Panels(how) => how.tile,
                };
                let rows = match choice {
                    Choice::Rows { strip, .. } if layer.is_pointwise() => rows(*strip),
                    Choice::Rows { .. } => 1,
                    Choice::Panels(_) => dst.h,
                };
                let (m, k) = (rows * dst.w, conv.taps());
                let blocks = tile::cut(level, m, padded(conv.oc) / PANEL, k, tile);
                tile::cost(level, m, k, &blocks) * dst.h as f64 / rows as f64
            }
            LayerOp::Depthwise(_) | LayerOp::Pool(_) => {
                let Window { kernel, stride, .. } = match &layer.op {
                    LayerOp::Depthwise(depthwise) => depthwise.window,
                    LayerOp::Pool(pool) => pool.window,
                    _ => Window::POINT,
                };
                let columns = match choice {
                    Choice::Rows { layers, .. } => layers[at].columns.unwrap_or(8),
                    Choice::Panels(_) => 8,
                };
                let (rows, columns) = (rows(2) as f64, columns.min(dst.w) as f64);
                let loads =
                    ((rows - 1.0) * stride.0 as f64 + kernel.0 as f64) * ((columns - 1.0) * stride.1 as f64 + kernel.1 as f64);
                let outputs = rows * columns;
                let fmas = outputs * (kernel.0 * kernel.1) as f64;
                let step = (fmas / 2.0).max(loads / 2.0).max((fmas + loads + 2.0 * outputs) / 4.0);
                step * vectors * (dst.h * dst.w) as f64 / outputs
            }
            _ => vectors * (dst.h * dst.w) as f64,
        }
    };
    options.batch as f64 * stage.iter().enumerate().map(of).sum::<f64>()
}
