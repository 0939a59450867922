//! Evaluates normalised layers exactly as they are defined: in f64, with plain loops. Memory is NaN until it is written, and it
//! is written in whole groups of 16 lanes, as kernels do it.

use sartor_kernels::reference;
use sartor_kernels::shape::Maps;
use sartor_models::{Reduction, Spread, Window};
use sartor_ops::winograd::both_ways;

use crate::layout::{Map, MapId};
use crate::network::layers::{Activate, Add, Binary, Filter, Layer, LayerOp, Normalized, Output, PoolKind, Reduce, Value};
use crate::ops::Operator;

use super::activation;

/// A map in memory, `[h][w][pitch]`.
#[derive(Clone)]
pub struct Memory {
    /// The map.
    pub map: Map,
    pitch: usize,
    data: Vec<f64>,
}

impl Memory {
    fn new(map: &Map) -> Self {
        let pitch = map.c.next_multiple_of(16);
        Self { map: map.clone(), pitch, data: vec![f64::NAN; map.h * map.w * pitch] }
    }

    /// The value in a lane of a pixel. It must have been written.
    pub fn get(&self, y: usize, x: usize, lane: usize) -> f64 {
        let value = self.data[(y * self.map.w + x) * self.pitch + lane];
        assert!(!value.is_nan(), "map '{}': lane {lane} is read before it is written", self.map.name);
        value
    }

    fn set(&mut self, y: usize, x: usize, lane: usize, value: f64) {
        self.data[(y * self.map.w + x) * self.pitch + lane] = value;
    }

    /// The value that a tap of an output reads; `None` if it is padding.
    fn tap(&self, window: Window, (y, x): (usize, usize), (ky, kx): (usize, usize), lane: usize) -> Option<f64> {
        let Window { stride, dilation, padding, .. } = window;
        let y = (y * stride.0 + ky * dilation.0).checked_sub(padding.0.before).filter(|&y| y < self.map.h)?;
        let x = (x * stride.1 + kx * dilation.1).checked_sub(padding.1.before).filter(|&x| x < self.map.w)?;
        Some(self.get(y, x, lane))
    }

    /// The value in `c x h x w` order.
    pub fn channels(&self, value: &Value) -> Vec<f64> {
        let (h, w) = (self.map.h, self.map.w);
        let pixels = |lane| (0..h * w).map(move |i| self.get(i / w, i % w, lane));
        value.lanes.iter().flat_map(|&lane| pixels(lane)).collect()
    }

    /// Writes lanes `first..first + c` of all pixels, and zeros to the rest of their last group of 16.
    fn write(&mut self, first: usize, c: usize, f: impl Fn(usize, usize, usize) -> f64) {
        assert!(first + c <= self.map.c, "lanes {first}..{} of map '{}' of {}", first + c, self.map.name, self.map.c);
        for y in 0..self.map.h {
            for x in 0..self.map.w {
                for lane in first / 16 * 16..first {
                    self.get(y, x, lane);
                }
                for i in 0..c {
                    self.set(y, x, first + i, f(y, x, i));
                }
                for lane in first + c..(first + c).next_multiple_of(16) {
                    self.set(y, x, lane, 0.0);
                }
            }
        }
    }
}

/// Runs all layers. Returns all maps; the memory of none is used again.
pub fn evaluate(layers: &Normalized, input: &[f64]) -> Vec<Memory> {
    let mut maps: Vec<Memory> = layers.maps.iter().map(Memory::new).collect();
    let Map { c, h, w, .. } = layers[MapId(0)];
    assert_eq!(input.len(), c * h * w);
    for (i, &x) in input.iter().enumerate() {
        maps[0].set(i / w % h, i % w, i / w / h, x);
    }
    for (layer, filter) in layers.layers.iter().zip(&layers.filters) {
        if layer.sources().contains(&layer.dst()) {
            let LayerOp::Depthwise(op) = &layer.op else { panic!("layer '{}' reads the map it writes", layer.name) };
            let panels = |first: usize| first / 16..(first + op.c).div_ceil(16);
            let (read, written) = (panels(op.src_lane), panels(op.dst_lane));
            assert!(read.end <= written.start || written.end <= read.start, "layer '{}' reads panels that it writes", layer.name);
        }
        let mut dst = maps[layer.dst().0].clone();
        run(layer, filter.as_ref(), &maps, &mut dst);
        maps[layer.dst().0] = dst;
    }
    for map in &maps[1..] {
        for at in 0..map.data.len() {
            let lane = at % map.pitch;
            assert!(!map.data[at].is_nan(), "map '{}': lane {lane} is never written", map.map.name);
            assert!(lane < map.map.c || map.data[at] == 0.0, "map '{}': pad lane {lane} is not zero", map.map.name);
        }
    }
    maps
}

/// An output as it follows from the maps.
pub fn output(layers: &Normalized, maps: &[Memory], output: &Output) -> Vec<f64> {
    let mut image = output.gather(|piece, at| {
        let map = &layers[piece.value.map];
        let (pixel, lane) = (at / map.pitch(), at % map.pitch());
        maps[piece.value.map.0].get(pixel / map.w, pixel % map.w, lane)
    });
    output.softmaxes.iter().for_each(|softmax| softmax.apply(&mut image));
    image
}

fn run(layer: &Layer, filter: Option<&Filter>, maps: &[Memory], dst: &mut Memory) {
    let at = |id: MapId| &maps[id.0];
    let whole = |id: MapId| {
        assert_ne!(id, MapId(0), "layer '{}': only the source of a convolution may be the network's input", layer.name);
        at(id)
    };
    match &layer.op {
        LayerOp::Conv(conv) => {
            let filter = filter.expect("a convolution has a filter");
            let src = at(conv.src);
            let (ic, oc) = (conv.src_lanes.len() / conv.groups, conv.oc / conv.groups);
            let (kh, kw) = conv.window.kernel;
            assert_eq!(filter.weight.len(), conv.oc * ic * kh * kw);
            assert_eq!(filter.bias.len(), conv.oc);
            assert!(conv.shortcut.is_some() || conv.post_act.is_none());
            if let Some(shortcut) = conv.shortcut {
                let map = &whole(shortcut).map;
                assert!(conv.dst_lane == 0 && map.c <= conv.oc && (map.h, map.w) == (dst.map.h, dst.map.w));
            }
            dst.write(conv.dst_lane, conv.oc, |y, x, o| {
                let mut sum = f64::from(filter.bias[o]);
                for i in 0..ic {
                    let lane = conv.src_lanes[o / oc * ic + i];
                    for ky in 0..kh {
                        for kx in 0..kw {
                            let value = src.tap(conv.window, (y, x), (ky, kx), lane).unwrap_or(0.0);
                            sum += f64::from(filter.weight[((o * ic + i) * kh + ky) * kw + kx]) * value;
                        }
                    }
                }
                let value = activation(conv.act, sum / filter.factor);
                let shortcut = conv.shortcut.map(at).filter(|map| o < map.map.c).map_or(0.0, |map| map.get(y, x, o));
                activation(conv.post_act, value + shortcut)
            });
        }
        LayerOp::IntoTiles(op) => {
            let (src, n, lanes) = (whole(op.src), op.form.inputs(), op.panels * 16);
            dst.write(0, op.form.elements() * lanes, |y, x, at| {
                let lane = op.first * 16 + at % lanes;
                let tap = |i: usize| {
                    // Pad lanes are zero, and no channel is in them.
                    let inside = lane < src.map.c;
                    if inside { src.tap(op.window(), (y, x), (i / n, i % n), lane).unwrap_or(0.0) } else { 0.0 }
                };
                both_ways(&op.form.source(), &(0..n * n).map(tap).collect::<Vec<_>>())[at / lanes]
            });
        }
        LayerOp::FromTiles(op) => {
            let (src, m, step) = (whole(op.src), op.form.outputs(), op.oc.next_multiple_of(16));
            let filter = filter.expect("a convolution has a filter");
            let shortcut = op.shortcut.map(whole);
            dst.write(op.dst_lane, op.oc, |y, x, o| {
                let products: Vec<f64> = (0..op.form.elements()).map(|e| src.get(y / m, x / m, e * step + o)).collect();
                let sum = both_ways(&op.form.result(), &products)[y % m * m + x % m] + f64::from(filter.bias[o]);
                let value = activation(op.act, sum / filter.factor);
                activation(op.post_act, value + shortcut.filter(|map| o < map.map.c).map_or(0.0, |map| map.get(y, x, o)))
            });
        }
        LayerOp::Depthwise(depthwise) => {
            let filter = filter.expect("a convolution has a filter");
            let src = whole(depthwise.src);
            let (kh, kw) = depthwise.window.kernel;
            let c = depthwise.c;
            assert_eq!(filter.weight.len(), c * kh * kw);
            dst.write(depthwise.dst_lane, c, |y, x, lane| {
                let mut sum = f64::from(filter.bias[lane]);
                for ky in 0..kh {
                    for kx in 0..kw {
                        let value = src.tap(depthwise.window, (y, x), (ky, kx), depthwise.src_lane + lane).unwrap_or(0.0);
                        sum += f64::from(filter.weight[(lane * kh + ky) * kw + kx]) * value;
                    }
                }
                activation(depthwise.act, sum / filter.factor)
            });
        }
        LayerOp::Pool(pool) => {
            let src = whole(pool.src);
            let (rows, columns) = pool.window.axes();
            assert_eq!(src.map.c, pool.c);
            dst.write(pool.dst_lane, pool.c, |y, x, lane| {
                let (kh, kw) = pool.window.kernel;
                let window = (0..kh * kw).filter_map(|i| src.tap(pool.window, (y, x), (i / kw, i % kw), lane));
                let value = match pool.kind {
                    PoolKind::Max => window.reduce(f64::max).unwrap(),
                    PoolKind::Average { counted } => {
                        let ((rows, h), (columns, w)) =
                            (rows.counting(counted.0, src.map.h), columns.counting(counted.1, src.map.w));
                        window.sum::<f64>() / (rows.taps(y, h).len() * columns.taps(x, w).len()) as f64
                    }
                };
                activation(pool.act, value)
            });
        }
        LayerOp::Reduce(Reduce { src, reduction, .. }) => {
            let src = whole(*src);
            let Map { c, h, w, .. } = src.map;
            assert_eq!((dst.map.c, dst.map.h, dst.map.w), (c, 1, 1));
            dst.write(0, c, |_, _, lane| {
                let pixels = (0..h * w).map(|i| src.get(i / w, i % w, lane));
                match reduction {
                    Reduction::Mean => pixels.sum::<f64>() / (h * w) as f64,
                    Reduction::Sum => pixels.sum(),
                    Reduction::Max => pixels.reduce(f64::max).unwrap(),
                    Reduction::Min => pixels.reduce(f64::min).unwrap(),
                }
            });
        }
        LayerOp::Binary(Binary { op, spread, a, b, act, .. }) => {
            let (a, b) = (whole(*a), whole(*b));
            let dims = |map: &Map| [map.c, map.h, map.w];
            assert_eq!(Spread::of(dims(&a.map), dims(&b.map)), Some(*spread));
            assert_eq!(dst.map.c, a.map.c);
            dst.write(0, a.map.c, |y, x, lane| {
                let (y_of_b, x_of_b) = (y.min(b.map.h - 1), x.min(b.map.w - 1));
                activation(*act, op.at(a.get(y, x, lane), b.get(y_of_b, x_of_b, lane.min(b.map.c - 1))))
            });
        }
        LayerOp::Rearrange(op) => {
            let src = whole(op.src);
            let c = dst.map.c;
            dst.write(0, c, |y, x, lane| {
                let from = op.source(c, (src.map.h, src.map.w), (lane, y, x));
                from.map_or(0.0, |(lane, y, x)| src.get(y, x, lane))
            });
        }
        LayerOp::Constant(op) => {
            let (values, Map { c, h, w, .. }) = (&filter.expect("constants are a filter").weight, dst.map.clone());
            assert_eq!((values.len(), c * h * w), (op.len, op.len));
            dst.write(0, c, |y, x, lane| values[(lane * h + y) * w + x].into());
        }
        LayerOp::Softmax(op) => {
            let src = whole(op.src);
            let c = src.map.c;
            dst.write(0, c, |y, x, lane| {
                let row: Vec<f64> = (0..c).map(|lane| src.get(y, x, lane)).collect();
                reference::softmax(&row, Maps::new(1, c, 1, 1), op.log)[lane]
            });
        }
        LayerOp::Move(op) => {
            let src = at(op.src);
            let (c, &Map { h, w, .. }) = (op.dst_channels, &dst.map);
            let mut moved = vec![f64::NAN; c * h * w];
            op.digits.each(|from, to| {
                let pixel = from % (src.map.h * src.map.w);
                let lane = op.src_lane + from / (src.map.h * src.map.w);
                moved[to] = src.get(pixel / src.map.w, pixel % src.map.w, lane);
            });
            dst.write(op.dst_lane, c, |y, x, channel| moved[(channel * h + y) * w + x]);
        }
        LayerOp::Add(Add { a, b, act, .. }) => {
            let (a, b) = (whole(*a), whole(*b));
            assert_eq!(dst.map.c, a.map.c);
            assert!(b.map.c <= a.map.c);
            dst.write(0, a.map.c, |y, x, lane| {
                let b = if lane < b.map.c { b.get(y, x, lane) } else { 0.0 };
                activation(*act, a.get(y, x, lane) + b)
            });
        }
        LayerOp::Activation(Activate { src, act, .. }) => {
            let src = whole(*src);
            assert_eq!(dst.map.c, src.map.c);
            dst.write(0, src.map.c, |y, x, lane| activation(Some(*act), src.get(y, x, lane)));
        }
    }
}
