//! Enlarging and reducing maps.

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::MapAxis;
use super::{Translator, computed};
use crate::graph::{Op, Rearrange};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Resize", "Upsample"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Option<Result<Vec<Value>>> {
    OPERATORS.contains(&node.operator()).then(|| resize(t, node).map(|value| vec![Value::Computed(value)]))
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
    if mode != "nearest" {
        return Err(format!("mode is {mode}, and must be nearest"));
    }
    let shape = t.shape(input.node);
    let mut factors = [1; 3];
    let mut view = input.view.clone();
    for (dim, line) in lines.iter().enumerate().filter(|(_, line)| line.from != line.to) {
        let unit = MapAxis::ALL.into_iter().rev().find(|&axis| axis.of(shape) == 1 && factors[axis as usize] == 1);
        let axis = if line.from == 1 { unit } else { view.axis(dim, shape) };
        let axis = axis
            .filter(|&axis| axis != MapAxis::C)
            .ok_or_else(|| format!("dimension {dim} is resized, which is no rows or columns"))?;
        let nearest = line.nearest(&rounding)?;
        let factor = line.to / line.from;
        if line.to % line.from != 0 || nearest.iter().enumerate().any(|(at, &place)| place != at / factor) {
            return Err(format!(
                "dimension {dim} is resized from {} to {}, and only whole factors are supported",
                line.from, line.to
            ));
        }
        factors[axis as usize] = factor;
        view = view.resized(dim, axis, line.to);
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
                let to = usize::try_from(size).ok().filter(|&size| size > 0).ok_or_else(|| format!("sizes are {sizes:?}"))?;
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
