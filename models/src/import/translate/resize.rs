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
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
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
        }
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

impl Line {
    /// For each place of a block, the weights of the source positions before, at and behind that of the block. `None` if blocks do not
    /// all have the same. Positions beyond the ends count as the ends do, so weights there may be left out and the rest made up for.
    fn linear(&self, factor: usize) -> Option<Vec<[f32; 3]>> {
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
    node.skip(&["cubic_coeff_a", "extrapolation_value", "exclude_outside"]);
    if node.int("antialias")?.unwrap_or(0) != 0 {
        return Err("antialias is 1, and must be 0".into());
    }
    let default = if node.operator() == "Upsample" || node.opset < 11 { "floor" } else { "round_prefer_floor" };
    let rounding = node.text("nearest_mode")?.unwrap_or_else(|| default.into());
    if lines.iter().all(|line| line.from == line.to && line.scale == 1.0) {
        return Ok(input.clone());
    }
    if !matches!(mode.as_str(), "nearest" | "linear" | "bilinear") {
        return Err(format!("mode is {mode}, and must be nearest or linear"));
    }
    let shape = t.shape(input.node);
    let mut factors = [1; 3];
    let mut taps = [vec![[0.0, 1.0, 0.0]], vec![[0.0, 1.0, 0.0]], vec![[0.0, 1.0, 0.0]]];
    let mut view = input.view.clone();
    for (dim, line) in lines.iter().enumerate().filter(|(_, line)| line.from != line.to) {
        let unit = MapAxis::ALL.into_iter().rev().find(|&axis| axis.of(shape) == 1 && factors[axis as usize] == 1);
        let axis = if line.from == 1 { unit } else { view.axis(dim, shape) };
        let axis = axis
            .filter(|&axis| axis != MapAxis::C)
            .ok_or_else(|| format!("dimension {dim} is resized, which is no rows or columns"))?;
        let fault =
            || format!("dimension {dim} is resized from {} to {}, and only whole factors are supported", line.from, line.to);
        if !line.to.is_multiple_of(line.from) {
            return Err(fault());
        }
        let factor = line.to / line.from;
        factors[axis as usize] = factor;
        if mode == "nearest" {
            if line.nearest(&rounding)?.iter().enumerate().any(|(at, &place)| place != at / factor) {
                return Err(fault());
            }
        } else {
            taps[axis as usize] = line.linear(factor).ok_or_else(fault)?;
        }
        view = view.resized(dim, axis, line.to);
    }
    if mode != "nearest" {
        let id = t.interpolated(node.output(0), input.node, &taps[1], &taps[2])?;
        return Ok(Computed { node: id, view });
    }
    let id =
        t.add(node.output(0), Op::Rearrange(Rearrange::Upsample { rows: factors[1], columns: factors[2] }), &[input.node])?;
    Ok(Computed { node: id, view })
}

/// All dimensions, with what the node says of them: sizes, or scales.
fn lines(node: &NodeReader<'_>, dims: &[usize]) -> Result<Vec<Line>> {
    let resizes = node.operator() == "Resize" && node.opset >= 11;
    let transformation = node.text("coordinate_transformation_mode")?;
    let coordinates = match transformation.as_deref() {
        None if resizes => Coordinates::HalfPixel,
        None | Some("asymmetric") => Coordinates::Asymmetric,
        Some("half_pixel") => Coordinates::HalfPixel,
        Some("pytorch_half_pixel") => Coordinates::PytorchHalfPixel,
        Some("align_corners") => Coordinates::AlignCorners,
        Some(other) => return Err(format!("coordinate_transformation_mode is {other}")),
    };
    if let Some(policy) = node.text("keep_aspect_ratio_policy")?.filter(|policy| policy != "stretch") {
        return Err(format!("keep_aspect_ratio_policy is {policy}, and must be stretch"));
    }
    let axes = node.ints("axes")?.unwrap_or_else(|| (0..dims.len() as i64).collect());
    let axes = axes.iter().map(|&axis| node.axis(axis, dims.len())).collect::<Result<Vec<usize>>>()?;
    let (scales_at, sizes_at) = if resizes { (2, 3) } else { (1, usize::MAX) };
    let scales = match node.float_list("scales")? {
        Some(scales) => scales,
        None => match node.constant(scales_at)? {
            Some(constant) => constant.as_floats().ok_or("scales are not floats")?.to_vec(),
            None => Vec::new(),
        },
    };
    let sizes = if sizes_at == usize::MAX { None } else { node.integers(sizes_at)? };
    let mut lines: Vec<Line> = dims.iter().map(|&size| Line { from: size, to: size, scale: 1.0, coordinates }).collect();
    match sizes.filter(|sizes| !sizes.is_empty()) {
        Some(sizes) if sizes.len() == axes.len() => {
            for (&axis, &size) in axes.iter().zip(&sizes) {
                let to = usize::try_from(size)
                    .ok()
                    .filter(|size| (1..=MOST).contains(size))
                    .ok_or_else(|| format!("sizes are {sizes:?}"))?;
                lines[axis] = Line { to, scale: to as f64 / dims[axis] as f64, from: dims[axis], coordinates };
            }
        }
        Some(sizes) => return Err(format!("sizes are {sizes:?}, for {} dimensions", axes.len())),
        None if scales.len() == axes.len() => {
            for (&axis, &scale) in axes.iter().zip(&scales) {
                let to = (dims[axis] as f64 * f64::from(scale)).floor();
                if !(scale > 0.0 && (1.0..=1e6).contains(&to)) {
                    return Err(format!("scales are {scales:?}, for dimensions {dims:?}"));
                }
                lines[axis] = Line { from: dims[axis], to: to as usize, scale: scale.into(), coordinates };
            }
        }
        None => return Err(format!("scales are {scales:?}, for {} dimensions", axes.len())),
    }
    Ok(lines)
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
