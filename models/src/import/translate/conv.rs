//! Convolutions.

use super::super::dims::{MOST, count};
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{MapAxis, View};
use super::super::window::window;
use super::translator::{Translator, computed};
use crate::graph::{Conv2d, NodeId, Op, Padding, Shape, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Conv", "ConvTranspose"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "Conv" => conv(t, node),
        _ => transposed(t, node),
    }
}

fn conv(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (weight, dims) = (node.floats(1)?.to_vec(), node.needed(1)?.dims.clone());
    let [oc, _, kernel @ ..] = &dims[..] else { return Err(format!("its weights have dimensions {dims:?}")) };
    if input.view.rank() != dims.len() {
        return Err(format!("its input has dimensions {:?}, and its weights {dims:?}", input.view.sizes()));
    }
    if let Some(value) = along_channels(t, node, input, &weight, &dims)? {
        return Ok(vec![Value::Computed(value)]);
    }
    let src = t.image(node.output(0), input)?;
    let shape = t.shape(src);
    let window = window(node, Some(kernel), kernel.len(), (shape.h, shape.w))?.window;
    let groups = node.int("group")?.map_or(Ok(1), usize::try_from).map_err(|_| "group is negative")?;
    let bias = match node.input(2) {
        Value::Absent => None,
        _ => Some(node.floats(2)?.to_vec()),
    };
    let op = Op::Conv2d(Conv2d { oc: *oc, groups, bias: bias.is_some(), window });
    let ic = shape.c.checked_div(groups).unwrap_or(0);
    let mut params = vec![("weight", vec![*oc, ic, window.kernel.0, window.kernel.1], weight)];
    params.extend(bias.map(|bias| ("bias", vec![*oc], bias)));
    let id = t.add_with(node.output(0), op, &[src], params)?;
    Ok(t.usual(id, dims.len()))
}

/// A convolution of one dimension that slides along the channels of a map of one pixel: efficient channel attention. It is a
/// product with a band matrix. `None` if it is another convolution.
fn along_channels(
    t: &mut Translator,
    node: &NodeReader<'_>,
    input: &Computed,
    weight: &[f32],
    dims: &[usize],
) -> Result<Option<Computed>> {
    let (view, shape) = (&input.view, t.shape(input.node));
    let &[1, 1, kernel] = dims else { return Ok(None) };
    if shape.pixels() != 1 || !view.dim(1).is_empty() || view.axis(2, shape) != Some(MapAxis::C) {
        return Ok(None);
    }
    let window = window(node, Some(&[kernel]), 1, (1, shape.c))?.window;
    if node.int("group")?.unwrap_or(1) != 1 {
        return Err("group is not 1, for one channel".into());
    }
    let (_, columns) = window.axes();
    let oc = columns.outputs_over(shape.c).ok_or("its window is larger than its input")?;
    let len = count(&[oc, shape.c])?;
    t.make(len)?;
    let mut matrix = vec![0.0; len];
    for o in 0..oc {
        for tap in columns.taps(o, shape.c) {
            matrix[o * shape.c + columns.input(o, tap)] = weight[tap];
        }
    }
    let bias = match node.input(2) {
        Value::Absent => None,
        _ => Some(vec![*node.floats(2)?.first().ok_or("its bias is empty")?; oc]),
    };
    let op = Op::Linear { out: oc, bias: bias.is_some() };
    let mut params = vec![("weight", vec![oc, shape.c], matrix)];
    params.extend(bias.map(|bias| ("bias", vec![oc], bias)));
    let id = t.add_with(node.output(0), op, &[input.node], params)?;
    Ok(Some(Computed { node: id, view: view.resized(2, MapAxis::C, oc) }))
}

/// One axis of a transposed convolution: output `q * stride + phase` is the sum of inputs `q + first ..= q + last`, each times the tap
/// `phase + before - stride * (input - q)`, if there is such a tap.
struct Phases {
    stride: usize,
    before: i64,
    kernel: i64,
    first: i64,
    last: i64,
    /// The padding of the convolution that computes all phases.
    padding: Padding,
    /// Outputs.
    outputs: usize,
}

impl Phases {
    fn new(size: usize, kernel: usize, stride: usize, before: usize, outputs: usize) -> Result<Self> {
        let (k, s, p) = (kernel as i64, stride as i64, before as i64);
        let first =
            (0..s).map(|phase| (phase + p - k + 1).div_euclid(s) + i64::from((phase + p - k + 1).rem_euclid(s) > 0)).min();
        let last = (0..s).map(|phase| (phase + p).div_euclid(s)).max();
        let (first, last) = (first.unwrap_or(0).min(0), last.unwrap_or(0).max(0));
        let rows = outputs.div_ceil(stride) as i64;
        let after = rows - 1 + last - (size as i64 - 1);
        let padding = usize::try_from(-first).ok().zip(usize::try_from(after).ok());
        let (front, behind) = padding.ok_or_else(|| format!("its {outputs} outputs leave out inputs; this is not supported"))?;
        Ok(Self { stride, before: p, kernel: k, first, last, padding: Padding { before: front, after: behind }, outputs })
    }

    fn window(&self) -> usize {
        (self.last - self.first + 1) as usize
    }

    /// The tap of a phase at a place of the window.
    fn tap(&self, phase: usize, place: usize) -> Option<usize> {
        let tap = phase as i64 + self.before - self.stride as i64 * (self.first + place as i64);
        (0..self.kernel).contains(&tap).then_some(tap as usize)
    }
}

/// A transposed convolution. With a stride, it is a convolution that computes all outputs of a block at once as channels, which
/// then become rows and columns (Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016).
fn transposed(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (weight, dims) = (node.floats(1)?.to_vec(), node.needed(1)?.dims.clone());
    let (ic, per_group, kh, kw) = match dims[..] {
        [ic, per_group, kw] => (ic, per_group, 1, kw),
        [ic, per_group, kh, kw] => (ic, per_group, kh, kw),
        _ => return Err(format!("its weights have dimensions {dims:?}, and three or four are supported")),
    };
    let rank = dims.len();
    if input.view.rank() != rank {
        return Err(format!("its input has {} dimensions, and its weights {rank}", input.view.rank()));
    }
    let mut src = t.image(node.output(0), input)?;
    let shape = t.shape(src);
    let groups = node.int("group")?.map_or(Ok(1), usize::try_from).map_err(|_| "group is negative")?;
    if ic != shape.c || groups == 0 || !ic.is_multiple_of(groups) {
        return Err(format!("its weights have dimensions {dims:?}, for {} channels in {groups} groups", shape.c));
    }
    let declared = window(node, Some(&dims[2..]), rank - 2, (1, 1))?.window;
    let Window { stride, dilation, .. } = declared;
    let reach = |taps: usize, dilation: usize| (taps - 1).saturating_mul(dilation).saturating_add(1);
    let reach = (reach(kh, dilation.0), reach(kw, dilation.1));
    let [mut before, outputs] = extents(node, rank - 2, shape, reach, stride)?;
    let rows = used(shape.h, reach.0, stride.0, &mut before.0, outputs.0)?;
    let columns = used(shape.w, reach.1, stride.1, &mut before.1, outputs.1)?;
    for (axis, (first, len)) in [(2, rows), (3, columns)] {
        let value = Computed { node: src, view: View::usual(t.shape(src), 4) };
        src = t.part(&format!("{}.used{axis}", node.output(0)), &value, axis, (first, len, 1))?.node;
    }
    let shape = t.shape(src);
    if stride.0 != stride.1 || dilation != (1, 1) {
        let bias = match node.input(2) {
            Value::Absent => None,
            _ => Some(node.floats(2)?.to_vec()),
        };
        let oc = per_group * groups;
        let conv = Conv2d { oc, groups, bias: bias.is_some(), window: declared };
        let tap = |[o, i, y, x]: [usize; 4]| {
            let from = o / per_group * (ic / groups) + i;
            weight[((from * per_group + o % per_group) * kh + (kh - 1 - y)) * kw + (kw - 1 - x)]
        };
        let id = t.spread_transposed(node.output(0), src, conv, [before, outputs], bias, tap)?;
        return Ok(t.usual(id, rank));
    }
    // All places of a block are gone through.
    let block = stride.0;
    let (oc, places) = (per_group * groups, count(&[block, block])?);
    let rows = Phases::new(shape.h, kh, stride.0, before.0, outputs.0)?;
    let columns = Phases::new(shape.w, kw, stride.1, before.1, outputs.1)?;
    let (h, w) = (rows.window(), columns.window());
    let each = ic / groups;
    let tap = |[o, i, y, x]: [usize; 4]| {
        let (o, place) = (o / places, o % places);
        let (Some(ky), Some(kx)) = (rows.tap(place / block, y), columns.tap(place % block, x)) else { return 0.0 };
        let from = o / per_group * each + i;
        weight[((from * per_group + o % per_group) * kh + ky) * kw + kx]
    };
    let window = Window::new((h, w), (1, 1), (rows.padding, columns.padding));
    let bias = match node.input(2) {
        Value::Absent => None,
        _ => Some(node.floats(2)?.iter().flat_map(|&b| std::iter::repeat_n(b, places)).collect::<Vec<f32>>()),
    };
    let oc = oc.checked_mul(places).ok_or("its output is too large")?;
    let conv = Conv2d { oc, groups, bias: bias.is_some(), window };
    let name = node.output(0);
    let own = if block == 1 { name.to_owned() } else { format!("{name}.blocks") };
    let mut id = t.filled(&own, conv, src, bias, tap)?;
    if block > 1 {
        id = t.depth_to_space(name, id, block, false)?;
    }
    let mut value = Computed { node: id, view: View::usual(t.shape(id), rank) };
    if rank == 4 {
        value = t.part(&format!("{name}.rows"), &value, 2, (0, rows.outputs, 1))?;
    }
    value = t.part(&format!("{name}.columns"), &value, rank - 1, (0, columns.outputs, 1))?;
    Ok(vec![Value::Computed(value)])
}

/// The inputs of an axis that any output is made of, and some more in front: the first, and how many. The padding is then that in front of these.
fn used(size: usize, reach: usize, stride: usize, before: &mut usize, outputs: usize) -> Result<(usize, usize)> {
    let first = (*before + 1).saturating_sub(reach).div_ceil(stride).min(*before / stride);
    let end = ((outputs - 1 + *before) / stride + 1).min(size);
    let len = end.checked_sub(first).filter(|&len| len > 0);
    let len = len.ok_or_else(|| format!("pads of {before} leave nothing of {size} inputs under a window of {reach}"))?;
    *before -= first * stride;
    Ok((first, len))
}

impl Translator {
    /// A transposed convolution by its definition: zeros between the pixels, then a convolution with the window turned around.
    fn spread_transposed(
        &mut self,
        name: &str,
        input: NodeId,
        conv: Conv2d,
        [before, outputs]: [(usize, usize); 2],
        bias: Option<Vec<f32>>,
        tap: impl Fn([usize; 4]) -> f32,
    ) -> Result<NodeId> {
        let Window { kernel, stride, dilation, .. } = conv.window;
        let mut id = input;
        let mut padding = Vec::new();
        let lines = [
            (MapAxis::H, stride.0, kernel.0, dilation.0, before.0, outputs.0),
            (MapAxis::W, stride.1, kernel.1, dilation.1, before.1, outputs.1),
        ];
        for (axis, stride, taps, dilation, before, outputs) in lines {
            let size = axis.of(self.shape(id));
            let spread = (size - 1) * stride + 1;
            if stride > 1 {
                let weight = |to: usize, from: usize| f32::from(u8::from(to == from * stride));
                id = self.mapped(&format!("{name}.{axis:?}"), id, axis, spread, weight)?;
            }
            let reach = (taps - 1) * dilation;
            // With more padding than a window has, the first positions are part of no output.
            let cut = before.saturating_sub(reach);
            if cut > 0 {
                let value = Computed { node: id, view: View::usual(self.shape(id), 4) };
                let dim = if axis == MapAxis::H { 2 } else { 3 };
                id = self.part(&format!("{name}.{axis:?}.used"), &value, dim, (cut, spread - cut, 1))?.node;
            }
            let (before, spread) = (before - cut, spread - cut);
            let front = reach.checked_sub(before);
            let behind = front.and_then(|front| (outputs + reach).checked_sub(front + spread));
            let (before, after) = front.zip(behind).ok_or_else(|| {
                format!("pads of {before} and {outputs} outputs leave out inputs of a window of {taps}; this is not supported")
            })?;
            padding.push(Padding { before, after });
        }
        let window = Window { kernel, stride: (1, 1), dilation, padding: (padding[0], padding[1]) };
        self.filled(name, Conv2d { window, ..conv }, id, bias, tap)
    }
}

/// The padding in front, and the number of outputs, of rows and columns.
fn extents(
    node: &NodeReader<'_>,
    spatial: usize,
    shape: Shape,
    kernel: (usize, usize),
    stride: (usize, usize),
) -> Result<[(usize, usize); 2]> {
    // One dimension is the columns; `rows` is what stands for the row.
    let pair = |name: &'static str, rows: i64| -> Result<Option<Vec<usize>>> {
        let Some(mut values) = node.ints(name)? else { return Ok(None) };
        if spatial == 1 {
            let own = values.len().min(if name == "pads" { 2 } else { 1 });
            let own = values.split_off(values.len() - own);
            values = own.into_iter().flat_map(|value| [rows, value]).collect();
        }
        let numbers: Option<Vec<usize>> =
            values.iter().map(|&value| usize::try_from(value).ok().filter(|&value| value <= MOST)).collect();
        numbers.filter(|numbers| numbers.len() >= 2).map(Some).ok_or_else(|| format!("{name} is {values:?}"))
    };
    let extra = pair("output_padding", 0)?.unwrap_or_else(|| vec![0, 0]);
    let asked = pair("output_shape", 1)?;
    let pads = pair("pads", 0)?.unwrap_or_else(|| vec![0; 4]);
    let auto = node.text("auto_pad")?.unwrap_or_else(|| "NOTSET".into());
    let axis = |i: usize, size: usize, kernel: usize, stride: usize| -> Result<(usize, usize)> {
        let full = (size - 1).checked_mul(stride).and_then(|n| n.checked_add(kernel)).and_then(|n| n.checked_add(extra[i]));
        let full = full.ok_or("its output is too large")?;
        let same = matches!(auto.as_str(), "SAME_UPPER" | "SAME_LOWER");
        if asked.is_some() || same {
            let wanted = asked.as_ref().map_or(size * stride, |asked| asked[asked.len() - 2 + i]);
            // A larger output is padded behind, as by output_padding.
            let total = full.saturating_sub(wanted);
            let before = if auto == "SAME_UPPER" { total / 2 } else { total - total / 2 };
            return Ok((before, wanted));
        }
        let outputs =
            pads.get(i).zip(pads.get(2 + i)).and_then(|(a, b)| full.checked_sub(*a)?.checked_sub(*b)).filter(|&n| n > 0);
        Ok((pads[i], outputs.ok_or_else(|| format!("pads are {pads:?}, and leave nothing of {full} outputs"))?))
    };
    let (rows, columns) = (axis(0, shape.h, kernel.0, stride.0)?, axis(1, shape.w, kernel.1, stride.1)?);
    Ok([(rows.0, columns.0), (rows.1, columns.1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each output of a transposed convolution of one dimension, by its definition and by phases.
    #[test]
    fn phases_are_the_definition() {
        for (size, kernel, stride, before, outputs) in
            [(5, 4, 2, 1, 10), (4, 3, 2, 1, 8), (3, 2, 2, 0, 6), (3, 3, 1, 1, 3), (4, 5, 3, 2, 10)]
        {
            let phases = Phases::new(size, kernel, stride, before, outputs).unwrap();
            for output in 0..outputs {
                let by_definition: Vec<(usize, usize)> = (0..size)
                    .flat_map(|i| (0..kernel).map(move |k| (i, k)))
                    .filter(|(i, k)| i * stride + k == output + before)
                    .collect();
                let (q, phase) = (output / stride, output % stride);
                let mut by_phases: Vec<(usize, usize)> = (0..phases.window())
                    .filter_map(|place| {
                        let input = q as i64 + phases.first + place as i64;
                        let input = usize::try_from(input).ok().filter(|&input| input < size)?;
                        phases.tap(phase, place).map(|tap| (input, tap))
                    })
                    .collect();
                by_phases.sort_unstable();
                assert_eq!(by_phases, by_definition, "{size} {kernel} {stride} {before}: output {output}");
            }
        }
    }
}
