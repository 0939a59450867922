//! Problem lines: the line of one layer, and the line of layers that are computed together.

use crate::network::layers::{Layer, LayerId, Layers};
pub use crate::ops::line::{Axis, Each, LayerLine, Operator};

impl LayerLine {
    /// The line of a layer.
    pub fn of(layers: &Layers, layer: &Layer, batch: usize) -> Self {
        let dst = &layers[layer.dst()];
        let src = layer.sources().first().map_or(dst, |&id| &layers[id]);
        let (operator, window) = layer.op.line(layers.maps.as_ref());
        let axis = |src, dst, sartor_ops::Axis { kernel, stride, dilation, padding }| Axis {
            src,
            dst,
            kernel,
            stride,
            dilation,
            padding: padding.before,
        };
        let (rows, columns) = window.axes();
        Self { batch, operator, rows: axis(src.h, dst.h, rows), columns: axis(src.w, dst.w, columns), name: layer.name.clone() }
    }
}

/// A layer's problem in one line, in oneDNN's notation.
pub fn problem_line(layers: &Layers, layer: &Layer, batch: usize) -> String {
    LayerLine::of(layers, layer, batch).to_string()
}

/// What separates the layers of a problem.
pub const BETWEEN: &str = " + ";

/// The key under which a tuning holds the best way to compute layers together. It holds what that depends on: the layers'
/// geometries, and what is fused into them.
pub fn problem(layers: &Layers, run: &[LayerId], batch: usize) -> String {
    let line = |&id: &LayerId| {
        let layer = &layers[id];
        let geometry = LayerLine::of(layers, layer, batch).geometry();
        [vec![geometry], layer.op.words()].concat().join("_")
    };
    run.iter().map(line).collect::<Vec<String>>().join(BETWEEN)
}
