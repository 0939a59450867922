//! Compares what one layer wrote with what it should have made of what it read.

use sartor_codegen::network::layers::{Activate, Add, Binary, Filter, Layer, LayerOp, Normalized, PoolKind, Reduce};
use sartor_kernels::reference::{self, bound};
use sartor_kernels::shape::{Conv, Maps};
use sartor_models::Activation;

use super::distance::Distance;
use crate::judge::observe::{Observed, Seen};

/// The exact values, NCHW, and how far an f32 kernel may be from each.
struct Expected {
    exact: Vec<f64>,
    bound: Vec<f64>,
}

impl Expected {
    /// Values that are rounded once.
    fn rounded(exact: Vec<f64>) -> Self {
        let bound = exact.iter().map(|x| bound::rounding(x.abs())).collect();
        Self { exact, bound }
    }

    fn activated(self, function: Option<Activation>) -> Self {
        let Some(function) = function else { return self };
        let bound = |(x, error): (&f64, &f64)| bound::activation(function, x.abs() + error, *error);
        let bound = self.exact.iter().zip(&self.bound).map(bound).collect();
        Self { exact: reference::activation(&self.exact, function), bound }
    }

    /// With another map added, which rounds once more.
    fn plus(self, maps: Maps, other: &Seen) -> Self {
        let other: Vec<f64> = whole(other).into_iter().map(f64::from).collect();
        let exact = reference::add(&self.exact, maps, &other, other.len() / (maps.n * maps.pixels()));
        let bound = exact.iter().zip(&self.bound).map(|(x, error)| error + bound::rounding(x.abs() + error)).collect();
        Self { exact, bound }
    }
}

/// All lanes that hold channels, NCHW.
fn whole(seen: &Seen) -> Vec<f32> {
    seen.channels(0..seen.maps.c)
}

/// The distance of a layer's result from the exact one, and what else is wrong with the map that it wrote.
pub fn check(network: &Normalized, observed: Observed<'_>) -> (Distance, Option<String>) {
    let layer = &network[observed.index];
    let result = observed.result(layer);
    let (first, count) = match &layer.op {
        LayerOp::Conv(conv) => (conv.dst_lane, conv.oc),
        LayerOp::FromTiles(op) => (op.dst_lane, op.oc),
        LayerOp::Depthwise(op) => (op.dst_lane, op.c),
        LayerOp::Pool(op) => (op.dst_lane, op.c),
        LayerOp::IntoTiles(_) => (0, result.maps.c),
        LayerOp::Move(op) => (op.dst_lane, op.dst_channels),
        // The source of what is rearranged has other channels, and constants have none.
        LayerOp::Rearrange(_) | LayerOp::Constant(_) => (0, result.maps.c),
        _ => (0, observed.source(layer.sources()[0]).maps.c),
    };
    let expected = expected(layer, network.filters[observed.index].as_ref(), observed);
    let maps = Maps { c: count, ..result.maps };
    let found = result.channels(first..first + count);
    let distance = Distance::largest(&found, &expected.exact, |i| expected.bound[i] + bound::UNDERFLOW, maps, &result.written);
    (distance, stray(result, observed.before(layer), first, count))
}

/// Finds a lane outside `first..first + count` with a wrong value. A layer writes whole panels of 16 lanes: lanes before its own must keep
/// their values, and lanes after its own must be zero.
fn stray(result: &Seen, before: Option<&Seen>, first: usize, count: usize) -> Option<String> {
    let panels = first / 16 * 16..(first + count).next_multiple_of(16);
    let (row_len, lanes) = (result.maps.w * result.pitch, result.maps.c.next_multiple_of(16));
    let wrong = |at: usize| {
        let (lane, value) = (at % result.pitch, result.data[at]);
        let old = before.map(|before| before.data[at]);
        let right = if (first..first + count).contains(&lane) || !result.written[at / row_len] {
            true
        } else if panels.contains(&lane) && lane >= first {
            value == 0.0
        } else {
            // Zero and minus zero are equal. NaN stands where nothing was written yet. Lanes between two pixels may hold anything.
            old.map_or(lane >= lanes, |old| value == old || value.is_nan() && old.is_nan())
        };
        (!right).then(|| match old {
            Some(old) if lane < first || !panels.contains(&lane) => format!("lane {lane} was changed from {old} to {value}"),
            _ => format!("pad lane {lane} is {value}, not zero"),
        })
    };
    (0..result.data.len()).find_map(wrong)
}

fn expected(layer: &Layer, filter: Option<&Filter>, observed: Observed<'_>) -> Expected {
    let dst = observed.result(layer).maps;
    match &layer.op {
        LayerOp::Conv(conv) => {
            let src = observed.source(conv.src);
            let attributes = Conv { oc: conv.oc, groups: conv.groups, window: conv.window };
            let channels = src.channels(conv.src_lanes.iter().copied());
            let maps = Maps { c: conv.src_lanes.len(), ..src.maps };
            let sum = convolved(&channels, maps, filter, &attributes).activated(conv.act);
            match conv.shortcut {
                Some(map) => sum.plus(Maps { c: conv.oc, ..dst }, observed.source(map)).activated(conv.post_act),
                None => sum,
            }
        }
        LayerOp::IntoTiles(op) => {
            let src = observed.source(op.src);
            let lanes = op.first * 16..(op.first + op.panels) * 16;
            let (channels, maps) = (src.channels(lanes), Maps { c: op.panels * 16, ..src.maps });
            let bound = bound::into_tiles(op.form, bound::max_abs(&channels));
            let exact = reference::into_tiles(&channels, maps, op.form, op.padding, (dst.h, dst.w));
            Expected { bound: vec![bound; exact.len()], exact }
        }
        LayerOp::FromTiles(op) => {
            let Filter { bias, factor, .. } = filter.expect("a convolution has a filter");
            let src = observed.source(op.src);
            let step = op.oc.next_multiple_of(16);
            let elements = 0..op.form.elements();
            let channels = src.channels(elements.flat_map(|element| (0..op.oc).map(move |o| element * step + o)));
            let maps = Maps { c: op.form.elements() * op.oc, ..src.maps };
            let exact = reference::from_tiles(&channels, maps, op.form, bias, (dst.h, dst.w));
            let bound = bound::from_tiles(op.form, bound::max_abs(&channels), bound::max_abs(bias)) / factor;
            let sum = Expected { bound: vec![bound; exact.len()], exact: exact.into_iter().map(|x| x / factor).collect() };
            let sum = sum.activated(op.act);
            match op.shortcut {
                Some(map) => sum.plus(Maps { c: op.oc, ..dst }, observed.source(map)).activated(op.post_act),
                None => sum,
            }
        }
        LayerOp::Depthwise(conv) => {
            let src = observed.source(conv.src);
            let attributes = Conv { oc: conv.c, groups: conv.c, window: conv.window };
            let channels = src.channels(conv.src_lane..conv.src_lane + conv.c);
            convolved(&channels, Maps { c: conv.c, ..src.maps }, filter, &attributes).activated(conv.act)
        }
        LayerOp::Pool(pool) => {
            let src = observed.source(pool.src);
            let channels = whole(src);
            let (exact, error) = match pool.kind {
                PoolKind::Max => (reference::max_pool(&channels, src.maps, &pool.window), 0.0),
                PoolKind::Average { counted } => {
                    let error = bound::mean(pool.window.taps(), bound::max_abs(&channels));
                    (reference::avg_pool(&channels, src.maps, &pool.window, counted), error)
                }
            };
            Expected { bound: vec![error; exact.len()], exact }.activated(pool.act)
        }
        LayerOp::Reduce(Reduce { src, reduction, .. }) => {
            let src = observed.source(*src);
            let channels = whole(src);
            let exact = reference::reduce(&channels, src.maps, *reduction);
            let planes = channels.chunks_exact(src.maps.pixels());
            let bound = planes.map(|plane| bound::reduction(*reduction, plane.len(), bound::max_abs(plane))).collect();
            Expected { exact, bound }
        }
        LayerOp::Binary(Binary { op, a, b, act, .. }) => {
            let (a, b) = (observed.source(*a), observed.source(*b));
            let exact = reference::binary(&whole(a), a.maps, &whole(b), b.maps, |a, b| op.at(a, b));
            Expected::rounded(exact).activated(*act)
        }
        LayerOp::Rearrange(op) => {
            let src = observed.source(op.src);
            let (channels, lanes, size) = (whole(src), src.maps.c, (src.maps.h, src.maps.w));
            let mut exact = Vec::with_capacity(dst.len());
            for n in 0..dst.n {
                for at in 0..dst.c * dst.pixels() {
                    let from = op.source(dst.c, size, (at / dst.pixels(), at / dst.w % dst.h, at % dst.w));
                    let at = |(lane, y, x): (usize, usize, usize)| ((n * lanes + lane) * size.0 + y) * size.1 + x;
                    exact.push(from.map_or(0.0, |from| f64::from(channels[at(from)])));
                }
            }
            Expected { bound: vec![0.0; exact.len()], exact }
        }
        LayerOp::Constant(_) => {
            let Filter { weight, .. } = filter.expect("constants are a filter");
            let exact: Vec<f64> = weight.iter().map(|&x| x.into()).collect::<Vec<f64>>().repeat(dst.n);
            Expected { bound: vec![0.0; exact.len()], exact }
        }
        LayerOp::Softmax(op) => {
            let src = observed.source(op.src);
            let (channels, c) = (whole(src), src.maps.c);
            let exact = reference::softmax(&channels, src.maps, op.log);
            let bound = if op.log { bound::log_softmax(c, bound::max_abs(&channels)) } else { bound::softmax(c) };
            Expected { bound: vec![bound; exact.len()], exact }
        }
        LayerOp::Move(op) => {
            let src = observed.source(op.src);
            let channels = src.channels(op.src_lane..op.src_lane + op.channels);
            let (mut exact, image) = (vec![0.0; channels.len()], op.digits.count());
            for (from, to) in channels.chunks_exact(image).zip(exact.chunks_exact_mut(image)) {
                op.digits.each(|src, dst| to[dst] = f64::from(from[src]));
            }
            Expected { bound: vec![0.0; exact.len()], exact }
        }
        LayerOp::Add(Add { a, b, act, .. }) => {
            let (a, b) = (observed.source(*a), observed.source(*b));
            Expected::rounded(reference::add(&whole(a), a.maps, &whole(b), b.maps.c)).activated(*act)
        }
        LayerOp::Activation(Activate { src, act, .. }) => {
            let exact: Vec<f64> = whole(observed.source(*src)).into_iter().map(f64::from).collect();
            Expected { bound: vec![0.0; exact.len()], exact }.activated(Some(*act))
        }
    }
}

/// The sums of a convolution, without the factor that its activation wants. The bound of each output channel comes from its own weights and the largest value that its group reads.
fn convolved(src: &[f32], maps: Maps, filter: Option<&Filter>, conv: &Conv) -> Expected {
    let Filter { weight, bias, factor } = filter.expect("a convolution has a filter");
    let exact = reference::conv2d(src, maps, weight, Some(bias), conv);
    let mut largest = vec![0.0_f64; conv.groups];
    for (plane, values) in src.chunks_exact(maps.pixels()).enumerate() {
        let group = plane % maps.c / (maps.c / conv.groups);
        largest[group] = largest[group].max(bound::max_abs(values));
    }
    let terms = weight.len() / conv.oc;
    let bounds: Vec<f64> = (0..conv.oc)
        .map(|o| {
            let filter = bound::max_abs(&weight[o * terms..][..terms]);
            bound::dot(terms, largest[o / (conv.oc / conv.groups)], filter, f64::from(bias[o].abs()))
        })
        .collect();
    let pixels = exact.len() / (maps.n * conv.oc);
    let bound = (0..exact.len()).map(|i| bounds[i / pixels % conv.oc] / factor).collect();
    Expected { exact: exact.into_iter().map(|x| x / factor).collect(), bound }
}
