//! Enlarging and reducing maps.

use super::super::dims::MOST;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::MapAxis;
use super::translator::{Translator, computed};
use crate::graph::{NodeId, Op, Padding, Rearrange, Window};

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
    /// The middle of a pixel without the half: `tf_half_pixel_for_nn`, which version 13 dropped.
    CentreInPixels,
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
            Coordinates::CentreInPixels => (at + 0.5) / self.scale,
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
        let whole = match self.coordinates {
            Coordinates::Crop(start, end) => (start, end) == (0.0, 1.0),
            _ => self.scale == 1.0,
        };
        self.from == self.to && whole
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

/// The largest factor of an enlargement that is averaged: kernels have a line for each value of an average.
const MOST_TAPS: usize = 49;

/// A line enlarged by a whole factor: each position is repeated, and what is repeated is averaged.
///
/// The weights of linear interpolation are a triangle of twice the factor's width, which is a box averaged by a box (Heckbert, *Filtering by repeated
/// integration*, 1986). So the average of as many repeated values as the factor says is the interpolated value. Averages leave out what lies
/// beyond the ends, which is the same as repeating these.
#[derive(Clone, Copy)]
struct Enlarged {
    factor: usize,
    /// How far an average of `factor` values reaches beyond the ends; `None` if nothing is averaged.
    reach: Option<Padding>,
    /// Whether each two neighbouring averages are averaged once more: those of an even number of values lie between two positions.
    again: bool,
}

impl Enlarged {
    const NONE: Self = Self { factor: 1, reach: None, again: false };

    fn repeated(factor: usize) -> Self {
        Self { factor, ..Self::NONE }
    }

    /// The line, if its interpolation is such an average.
    fn linear(line: &Line, factor: usize) -> Option<Self> {
        if line.from == 1 {
            return Some(Self::repeated(factor));
        }
        let all_lie_at = |source: fn(f64, f64) -> f64| {
            (0..line.to).all(|at| (line.source(at) - source(at as f64, factor as f64)).abs() < 1e-5 / factor as f64)
        };
        let half = factor / 2;
        let (reach, again) = if factor > MOST_TAPS {
            return None;
        } else if all_lie_at(|at, factor| at / factor) {
            (Padding { before: 0, after: factor - 1 }, false)
        } else if all_lie_at(|at, factor| (at + 0.5) / factor - 0.5) {
            (Padding { before: half, after: half }, factor.is_multiple_of(2))
        } else {
            return None;
        };
        Some(Self { factor, reach: Some(reach), again })
    }
}

impl Translator {
    /// Enlarges a map by whole factors. Where both are small, rows and columns are enlarged together, which takes fewer passes over the map; else
    /// one after the other, which takes fewer values for each average.
    fn enlarged(&mut self, name: &str, input: NodeId, rows: Enlarged, columns: Enlarged) -> Result<NodeId> {
        let averages = rows.reach.is_some() || columns.reach.is_some();
        if averages && rows.factor > 1 && columns.factor > 1 && rows.factor * columns.factor > 4 {
            let wide = self.enlarged(&format!("{name}.columns"), input, Enlarged::NONE, columns)?;
            return self.enlarged(name, wide, rows, Enlarged::NONE);
        }
        let again = rows.again || columns.again;
        let own = |stage: &str, is_last: bool| if is_last { name.to_owned() } else { format!("{name}.{stage}") };
        let repeated = Op::Rearrange(Rearrange::Upsample { rows: rows.factor, columns: columns.factor });
        let mut id = self.add(&own("repeated", !averages), repeated, &[input])?;
        let counted = Padding::around(0);
        if averages {
            let size = |line: Enlarged| line.reach.map_or(1, |_| line.factor);
            let padding = |line: Enlarged| line.reach.unwrap_or(Padding { before: 0, after: 0 });
            let window = Window::new((size(rows), size(columns)), (1, 1), (padding(rows), padding(columns)));
            id = self.add(&own("averages", !again), Op::AvgPool { window, counted }, &[id])?;
        }
        if again {
            let size = |line: Enlarged| 1 + usize::from(line.again);
            let window = Window::new((size(rows), size(columns)), (1, 1), Padding::around(0));
            id = self.add(name, Op::AvgPool { window, counted }, &[id])?;
        }
        Ok(id)
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

/// Rows and columns enlarged by whole factors, if all lines are.
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
    let mut enlarged = [Enlarged::NONE; 3];
    let mut view = input.view.clone();
    for (dim, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_identity()) {
        if line.from == line.to || matches!(line.coordinates, Coordinates::Crop(..)) {
            return Ok(None);
        }
        let taken: Vec<MapAxis> = MapAxis::ALL.into_iter().filter(|&axis| enlarged[axis as usize].factor != 1).collect();
        let axis = if line.from == 1 { view.free_axis(dim, shape, &taken) } else { view.axis(dim, shape) };
        let Some(axis) = axis.filter(|&axis| axis != MapAxis::C && line.to.is_multiple_of(line.from)) else { return Ok(None) };
        let factor = line.to / line.from;
        let found = match kernel {
            None => {
                let is_repeated = line.nearest(rounding)?.iter().enumerate().all(|(at, &place)| place == at / factor);
                is_repeated.then(|| Enlarged::repeated(factor))
            }
            Some(_) => Enlarged::linear(line, factor),
        };
        let Some(found) = found else { return Ok(None) };
        enlarged[axis as usize] = found;
        view = view.resized(dim, axis, line.to);
    }
    let [_, rows, columns] = enlarged;
    Ok(Some(Computed { node: t.enlarged(name, input.node, rows, columns)?, view }))
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
        Some("tf_half_pixel_for_nn") => Coordinates::CentreInPixels,
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
    fn averages_of_repeated_values_are_interpolated_ones() {
        let source = [3.0, -1.0, 4.0, 1.5];
        for coordinates in [Coordinates::HalfPixel, Coordinates::PytorchHalfPixel, Coordinates::Asymmetric] {
            for factor in 2..=9 {
                let line = Line { from: 4, to: 4 * factor, scale: factor as f64, coordinates };
                let Enlarged { reach, again, .. } = Enlarged::linear(&line, factor).expect("it is an average");
                let reach = reach.expect("something is averaged");
                let repeated: Vec<f64> = (0..line.to).map(|at| source[at / factor]).collect();
                let average = |values: &[f64], first: isize, len: usize| {
                    let places = (first..first + len as isize).filter_map(|at| values.get(usize::try_from(at).ok()?));
                    places.clone().sum::<f64>() / places.count() as f64
                };
                let ends = line.to + reach.before + reach.after + 1 - factor;
                let mut found: Vec<f64> =
                    (0..ends).map(|at| average(&repeated, at as isize - reach.before as isize, factor)).collect();
                if again {
                    found = found.windows(2).map(|pair| average(pair, 0, 2)).collect();
                }
                let kernel = Kernel { cubic: None, antialias: false, exclude_outside: false };
                let exact = |at| kernel.weights(&line, at).iter().map(|&(place, weight)| source[place] * weight).sum::<f64>();
                assert_eq!(found.len(), line.to);
                found
                    .iter()
                    .enumerate()
                    .for_each(|(at, x)| assert!((x - exact(at)).abs() < 1e-12, "{factor} times: {x} at {at}"));
            }
        }
    }

    #[test]
    fn aligned_corners_are_no_averages() {
        let line = Line { from: 4, to: 8, scale: 2.0, coordinates: Coordinates::AlignCorners };
        assert!(Enlarged::linear(&line, 2).is_none());
    }

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
