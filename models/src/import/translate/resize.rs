//! Enlarging and reducing maps.

use super::super::dims::MOST;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::MapAxis;
use super::translator::{Translator, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Conv2d, NodeId, Op, Rearrange, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Resize", "Upsample"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    resize(t, node).map(|value| vec![Value::Computed(value)])
}

/// How a coordinate of the result becomes one of the source.
#[derive(Clone, Copy)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    /// Of a part of the source, from one share of it to another.
    Crop(f64, f64),
}

/// A dimension that is resized.
struct Line {
    from: usize,
    to: usize,
    /// The result's length by the source's, as the node gives it.
    scale: f64,
    coordinates: Coordinates,
}

impl Line {
    /// The source coordinate of a coordinate of the result (ONNX, `Resize`).
    fn source(&self, at: usize) -> f64 {
        let at = at as f64;
        match self.coordinates {
            Coordinates::HalfPixel => (at + 0.5) / self.scale - 0.5,
            Coordinates::PytorchHalfPixel if self.to > 1 => (at + 0.5) / self.scale - 0.5,
            Coordinates::PytorchHalfPixel => 0.0,
            Coordinates::AlignCorners if self.to > 1 => at * (self.from - 1) as f64 / (self.to - 1) as f64,
            Coordinates::AlignCorners => 0.0,
            Coordinates::Asymmetric => at / self.scale,
            Coordinates::HalfPixelSymmetric => {
                let adjusted = self.to as f64 / (self.scale * self.from as f64);
                (at + 0.5) / self.scale - 0.5 + self.from as f64 / 2.0 * (1.0 - adjusted)
            }
            Coordinates::Crop(start, end) => {
                let last = (self.from - 1) as f64;
                let share = if self.to > 1 { start + at * (end - start) / (self.to - 1) as f64 } else { 0.5 * (start + end) };
                share * last
            }
        }
    }

    /// Whether the result is the source.
    fn is_identity(&self) -> bool {
        self.from == self.to && self.scale == 1.0 && !matches!(self.coordinates, Coordinates::Crop(..))
    }

    /// Whether a position of the result is none of the source, and has the extrapolation's value.
    fn is_outside(&self, at: usize) -> bool {
        matches!(self.coordinates, Coordinates::Crop(..)) && !(0.0..=(self.from - 1) as f64).contains(&self.source(at))
    }

    fn leaves(&self) -> bool {
        (0..self.to).any(|at| self.is_outside(at))
    }

    /// The nearest source position of each position of the result, with the weight one; nothing where it lies outside.
    fn nearest_weights(&self, rounding: &str) -> Result<Vec<Vec<(usize, f64)>>> {
        let places = self.nearest(rounding)?.into_iter().enumerate();
        Ok(places.map(|(at, place)| if self.is_outside(at) { Vec::new() } else { vec![(place, 1.0)] }).collect())
    }

    /// The nearest source position of each position of the result.
    fn nearest(&self, rounding: &str) -> Result<Vec<usize>> {
        let round: fn(f64) -> f64 = match rounding {
            "round_prefer_floor" => |x| (x - 0.5).ceil(),
            "round_prefer_ceil" => |x| (x + 0.5).floor(),
            "floor" => f64::floor,
            "ceil" => f64::ceil,
            other => return Err(format!("nearest_mode is {other}")),
        };
        Ok((0..self.to).map(|at| round(self.source(at)).clamp(0.0, (self.from - 1) as f64) as usize).collect())
    }
}

/// How values between source positions are made of their neighbours.
struct Kernel {
    /// The parameter of the cubic polynomials (Keys, 1981); without it, values are linear.
    cubic: Option<f64>,
    /// Whether a map that gets smaller is smoothed: the polynomials are stretched to cover all that becomes one.
    antialias: bool,
    /// Whether positions beyond the ends have no weight, instead of being repeated ends.
    exclude_outside: bool,
}

impl Kernel {
    fn at(&self, distance: f64) -> f64 {
        let x = distance.abs();
        match self.cubic {
            None => (1.0 - x).max(0.0),
            Some(a) if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Some(a) if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            Some(_) => 0.0,
        }
    }

    /// The source positions that a position of the result is made of, and their weights (ONNX, `Resize`).
    fn weights(&self, line: &Line, at: usize) -> Vec<(usize, f64)> {
        if line.is_outside(at) {
            return Vec::new();
        }
        let source = line.source(at);
        let shrink = if self.antialias { line.scale.min(1.0) } else { 1.0 };
        let reach = if self.cubic.is_some() { 2.0 } else { 1.0 } / shrink;
        let last = (line.from - 1) as f64;
        let (mut weights, mut sum) = (Vec::new(), 0.0);
        let (first, end) = ((source - reach).ceil().max(-1e6), (source + reach).floor().min(1e6));
        let mut place = first;
        while place <= end {
            let weight = self.at((place - source) * shrink);
            if weight != 0.0 && (!self.exclude_outside || (0.0..=last).contains(&place)) {
                weights.push((place.clamp(0.0, last) as usize, weight));
                sum += weight;
            }
            place += 1.0;
        }
        if self.antialias || self.exclude_outside {
            weights.iter_mut().for_each(|(_, weight)| *weight /= sum);
        }
        weights
    }
}

impl Line {
    /// For each place of a block, the weights of the source positions before, at and behind that of the block. `None` if blocks do not
    /// all have the same. Positions beyond the ends count as the ends do, so weights there may be left out and the rest made up for.
    fn linear(&self, factor: usize) -> Option<Vec<[f32; 3]>> {
        if self.from == 1 {
            return Some(vec![[0.0, 1.0, 0.0]; factor]);
        }
        let weights = |at: usize| {
            let offset = self.source(at) - (at / factor) as f64;
            let beyond = |x: f64| x.max(0.0) as f32;
            (offset.abs() <= 1.0).then(|| [beyond(-offset), 1.0 - offset.abs() as f32, beyond(offset)])
        };
        let block: Option<Vec<[f32; 3]>> = (0..factor).map(weights).collect();
        let block = block?;
        let near = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        let periodic = (0..self.to).all(|at| weights(at).is_some_and(|found| near(found, block[at % factor])));
        periodic.then_some(block)
    }
}

impl Translator {
    /// Enlarges a map by whole factors: each pixel becomes a block, whose places are weighted sums of the pixel and its neighbours.
    /// Where neighbours are missing, what there is is divided by the sum of its weights, which is the same as repeating the border.
    fn interpolated(&mut self, name: &str, input: NodeId, rows: &[[f32; 3]], columns: &[[f32; 3]]) -> Result<NodeId> {
        if rows.len() != columns.len() {
            return Err(format!(
                "rows are enlarged {} times and columns {}, and must be enlarged alike",
                rows.len(),
                columns.len()
            ));
        }
        let sums = self.blocks_of_sums(&format!("{name}.sums"), input, rows, columns)?;
        let first = self.add(&format!("{name}.first"), Op::Slice { begin: 0, len: 1 }, &[input])?;
        let ones = self.affine(&format!("{name}.ones"), first, vec![0.0], vec![1.0])?;
        let weights = self.blocks_of_sums(&format!("{name}.weights"), ones, rows, columns)?;
        self.add(name, Op::Binary(Arithmetic::Div), &[sums, weights])
    }

    fn blocks_of_sums(&mut self, name: &str, input: NodeId, rows: &[[f32; 3]], columns: &[[f32; 3]]) -> Result<NodeId> {
        let (c, block) = (self.shape(input).c, rows.len());
        let places = block * block;
        let oc = c.checked_mul(places).ok_or("the map is too large")?;
        let conv = Conv2d { oc, groups: c, bias: false, window: Window::square(3, 1, 1) };
        let weight = |[o, _, y, x]: [usize; 4]| rows[o % places / block][y] * columns[o % block][x];
        let id = self.filled(&format!("{name}.blocks"), conv, input, None, weight)?;
        self.depth_to_space(name, id, block, false)
    }
}

fn resize(t: &mut Translator, node: &NodeReader<'_>) -> Result<Computed> {
    let input = computed(node)?;
    let lines = lines(node, &input.view.sizes())?;
    let mode = node.text("mode")?.unwrap_or_else(|| "nearest".into());
    let antialias = node.int("antialias")?.unwrap_or(0) != 0;
    let outside = node.int("exclude_outside")?.unwrap_or(0) != 0;
    let a = node.float("cubic_coeff_a")?.unwrap_or(-0.75);
    let extrapolation = node.float("extrapolation_value")?.unwrap_or(0.0);
    let default = if node.operator() == "Upsample" || node.opset < 11 { "floor" } else { "round_prefer_floor" };
    let rounding = node.text("nearest_mode")?.unwrap_or_else(|| default.into());
    if lines.iter().all(Line::is_identity) {
        return Ok(input.clone());
    }
    let kernel = match mode.as_str() {
        "nearest" => None,
        "linear" | "bilinear" => Some(Kernel { cubic: None, antialias, exclude_outside: outside }),
        "cubic" => Some(Kernel { cubic: Some(a.into()), antialias, exclude_outside: outside }),
        other => return Err(format!("mode is {other}, and must be nearest, linear or cubic")),
    };
    if extrapolation != 0.0 && lines.iter().any(Line::leaves) {
        return Err(format!("extrapolation_value is {extrapolation}, and must be 0"));
    }
    if let Some(value) = blocks(t, node.output(0), input, &lines, kernel.as_ref(), &rounding)? {
        return Ok(value);
    }
    let mut value = input.clone();
    for (dim, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_identity()) {
        let name = format!("{}.dim{dim}", node.output(0));
        value = match &kernel {
            None if !line.leaves() && line.from > 1 => t.selected(&name, &value, dim, &line.nearest(&rounding)?)?,
            _ => {
                let weights = match &kernel {
                    None => line.nearest_weights(&rounding)?,
                    Some(kernel) => (0..line.to).map(|at| kernel.weights(line, at)).collect(),
                };
                let (source, axis) = t.with_free_axis(&name, &value, dim)?;
                let weight = |to: usize, from: usize| {
                    weights[to].iter().filter(|(place, _)| *place == from).map(|(_, weight)| weight).sum::<f64>() as f32
                };
                let id = t.mapped(&name, source.node, axis, line.to, weight)?;
                Computed { node: id, view: source.view.resized(dim, axis, line.to) }
            }
        };
    }
    Ok(value)
}

/// Rows and columns enlarged by whole factors, if all lines are: each pixel becomes a block.
fn blocks(
    t: &mut Translator,
    name: &str,
    input: &Computed,
    lines: &[Line],
    kernel: Option<&Kernel>,
    rounding: &str,
) -> Result<Option<Computed>> {
    if kernel.is_some_and(|kernel| kernel.cubic.is_some() || kernel.exclude_outside) || lines.iter().any(Line::leaves) {
        return Ok(None);
    }
    let shape = t.shape(input.node);
    let mut factors = [1; 3];
    let mut taps = [vec![[0.0, 1.0, 0.0]], vec![[0.0, 1.0, 0.0]], vec![[0.0, 1.0, 0.0]]];
    let mut view = input.view.clone();
    for (dim, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_identity()) {
        if line.from == line.to || matches!(line.coordinates, Coordinates::Crop(..)) {
            return Ok(None);
        }
        let taken: Vec<MapAxis> = MapAxis::ALL.into_iter().filter(|&axis| factors[axis as usize] != 1).collect();
        let axis = if line.from == 1 { view.free_axis(dim, shape, &taken) } else { view.axis(dim, shape) };
        let Some(axis) = axis.filter(|&axis| axis != MapAxis::C && line.to.is_multiple_of(line.from)) else { return Ok(None) };
        let factor = line.to / line.from;
        factors[axis as usize] = factor;
        if kernel.is_none() {
            if line.nearest(rounding)?.iter().enumerate().any(|(at, &place)| place != at / factor) {
                return Ok(None);
            }
        } else {
            let Some(found) = line.linear(factor) else { return Ok(None) };
            taps[axis as usize] = found;
        }
        view = view.resized(dim, axis, line.to);
    }
    // All places of a pixel's block are the pixel.
    let repeats = |taps: &Vec<[f32; 3]>| taps.iter().all(|taps| *taps == [0.0, 1.0, 0.0]);
    let node = if kernel.is_none() || taps.iter().all(repeats) {
        t.add(name, Op::Rearrange(Rearrange::Upsample { rows: factors[1], columns: factors[2] }), &[input.node])?
    } else if factors[1] == factors[2] {
        t.interpolated(name, input.node, &taps[1], &taps[2])?
    } else {
        return Ok(None);
    };
    Ok(Some(Computed { node, view }))
}

/// All dimensions, with what the node says of them: sizes, or scales.
fn lines(node: &NodeReader<'_>, dims: &[usize]) -> Result<Vec<Line>> {
    let resizes = node.operator() == "Resize" && node.opset >= 11;
    let axes = node.ints("axes")?.unwrap_or_else(|| (0..dims.len() as i64).collect());
    let axes = axes.iter().map(|&axis| node.axis(axis, dims.len())).collect::<Result<Vec<usize>>>()?;
    let coordinates = coordinates(node, resizes, axes.len())?;
    let (scales_at, sizes_at) = if resizes { (2, 3) } else { (1, usize::MAX) };
    let scales = match node.float_list("scales")? {
        Some(scales) => scales,
        None => match node.constant(scales_at)? {
            Some(constant) => constant.as_floats().ok_or("scales are not floats")?.to_vec(),
            None => Vec::new(),
        },
    };
    let sizes = if sizes_at == usize::MAX { None } else { node.integers(sizes_at)? };
    let policy = node.text("keep_aspect_ratio_policy")?.unwrap_or_else(|| "stretch".into());
    let unchanged = |&size: &usize| Line { from: size, to: size, scale: 1.0, coordinates: Coordinates::Asymmetric };
    let mut lines: Vec<Line> = dims.iter().map(unchanged).collect();
    let asked: Vec<(usize, f64)> = match sizes.filter(|sizes| !sizes.is_empty()) {
        Some(sizes) if sizes.len() == axes.len() => {
            let size = |&size: &i64| usize::try_from(size).ok().filter(|size| (1..=MOST).contains(size));
            let sizes = sizes.iter().map(size).collect::<Option<Vec<usize>>>().ok_or_else(|| format!("sizes are {sizes:?}"))?;
            let ratios = axes.iter().zip(&sizes).map(|(&axis, &to)| to as f64 / dims[axis] as f64);
            let common = match policy.as_str() {
                "stretch" => None,
                "not_larger" => Some(ratios.clone().fold(f64::INFINITY, f64::min)),
                "not_smaller" => Some(ratios.clone().fold(0.0, f64::max)),
                other => return Err(format!("keep_aspect_ratio_policy is {other}")),
            };
            let rounded =
                |&axis: &usize, scale: f64| (((dims[axis] as f64 * scale) + 0.5).floor().clamp(1.0, MOST as f64) as usize, scale);
            match common {
                Some(scale) => axes.iter().map(|axis| rounded(axis, scale)).collect(),
                None => sizes.iter().copied().zip(ratios).collect(),
            }
        }
        Some(sizes) => return Err(format!("sizes are {sizes:?}, for {} dimensions", axes.len())),
        None if scales.len() == axes.len() => {
            let line = |(&axis, &scale): (&usize, &f32)| {
                let to = (dims[axis] as f64 * f64::from(scale)).floor();
                (scale > 0.0 && (1.0..=1e6).contains(&to)).then_some((to as usize, f64::from(scale)))
            };
            let asked = axes.iter().zip(&scales).map(line).collect::<Option<Vec<(usize, f64)>>>();
            asked.ok_or_else(|| format!("scales are {scales:?}, for dimensions {dims:?}"))?
        }
        None => return Err(format!("scales are {scales:?}, for {} dimensions", axes.len())),
    };
    for ((&axis, (to, scale)), coordinates) in axes.iter().zip(asked).zip(coordinates) {
        // ONNX's own tests divide by the length before it is rounded; PyTorch and ONNX Runtime by that after it.
        if matches!(coordinates, Coordinates::AlignCorners) && (dims[axis] as f64 * scale - to as f64).abs() > 1e-4 {
            return Err(format!(
                "scales has {scale} for a dimension of length {}, which is not a whole length: readers of ONNX disagree what \
                 align_corners means then; give sizes instead",
                dims[axis]
            ));
        }
        lines[axis] = Line { from: dims[axis], to, scale, coordinates };
    }
    Ok(lines)
}

/// The coordinates along each axis.
fn coordinates(node: &NodeReader<'_>, resizes: bool, axes: usize) -> Result<Vec<Coordinates>> {
    let transformation = node.text("coordinate_transformation_mode")?;
    let each = match transformation.as_deref() {
        None if resizes => Coordinates::HalfPixel,
        None | Some("asymmetric") => Coordinates::Asymmetric,
        Some("half_pixel") => Coordinates::HalfPixel,
        Some("half_pixel_symmetric") => Coordinates::HalfPixelSymmetric,
        Some("pytorch_half_pixel") => Coordinates::PytorchHalfPixel,
        Some("align_corners") => Coordinates::AlignCorners,
        Some("tf_crop_and_resize") => {
            let part = node.floats(1)?;
            if part.len() != 2 * axes || part.iter().any(|share| !share.is_finite()) {
                return Err(format!("roi is {part:?}, and must have {} numbers", 2 * axes));
            }
            return Ok((0..axes).map(|i| Coordinates::Crop(part[i].into(), part[axes + i].into())).collect());
        }
        Some(other) => return Err(format!("coordinate_transformation_mode is {other}")),
    };
    Ok(vec![each; axes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_coordinates_of_a_doubled_line_repeat_or_do_not() {
        let line = |coordinates| Line { from: 3, to: 6, scale: 2.0, coordinates };
        let plain = [0, 0, 1, 1, 2, 2];
        assert_eq!(line(Coordinates::Asymmetric).nearest("floor").unwrap(), plain);
        assert_eq!(line(Coordinates::HalfPixel).nearest("round_prefer_floor").unwrap(), plain);
        assert_eq!(line(Coordinates::HalfPixel).nearest("floor").unwrap(), [0, 0, 0, 1, 1, 2]);
        assert_eq!(line(Coordinates::Asymmetric).nearest("ceil").unwrap(), [0, 1, 1, 2, 2, 2]);
        assert!(line(Coordinates::Asymmetric).nearest("up").is_err());
    }
}
