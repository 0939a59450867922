//! Comparisons of what the network computes, and choices by them or by constants. A choice by a comparison with a number is a function if
//! there is one.

use sartor_ops::Parameter;

use super::super::constant::{Constant, Data};
use super::super::dims::{broadcast, count, repeated, strides};
use super::super::function::clip;
use super::super::node::{NodeReader, Result};
use super::super::value::{Comparison, Computed, Condition, Region, Value};
use super::choose;
use super::mask::{compared, joined};
use super::translator::{Shared, Translator, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, NodeId, Op};

/// What is translated here.
pub const OPERATORS: &[&str] =
    &["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Not", "Or", "And", "Xor", "Where", "Shrink"];

/// The most parts that a choice by a constant is put together from.
const MOST_PARTS: usize = 64;

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let value = match node.operator() {
        "Not" => match node.input(0) {
            Value::Condition(condition) => Value::Condition(t.opposite(node.output(0), condition)?),
            _ => return Err("its input is no comparison".into()),
        },
        "Or" | "And" | "Xor" => Value::Condition(match both(node) {
            Some(comparison) => Condition::Numbers(comparison),
            None => joined(t, node)?,
        }),
        "Where" => match node.input(0) {
            Value::Condition(condition) => {
                let function = match condition {
                    Condition::Numbers(comparison) => by_comparison(t, node, comparison)?,
                    Condition::Mask(_) => None,
                };
                Value::Computed(match function {
                    Some(function) => function,
                    None => choose::by_mask(t, node, condition)?,
                })
            }
            Value::Constant(chosen) => Value::Computed(by_constant(t, node, chosen)?),
            _ => return Err("its condition must be a comparison or constant booleans".into()),
        },
        "Shrink" => Value::Computed(shrink(t, node)?),
        _ => Value::Condition(match comparison(node) {
            Some(comparison) => Condition::Numbers(comparison),
            None => compared(t, node)?,
        }),
    };
    Ok(vec![value])
}

/// `x > limit` or its opposite. What is at least `c` is above the next number below.
fn comparison(node: &NodeReader<'_>) -> Option<Comparison> {
    let (x, limit, swapped) = match (node.input(0), node.input(1)) {
        (Value::Computed(x), Value::Constant(limit)) => (x, limit, false),
        (Value::Constant(limit), Value::Computed(x)) => (x, limit, true),
        _ => return None,
    };
    // One number, which makes no tensor longer.
    let limit =
        limit.as_number().filter(|value| value.abs() < f32::MAX && limit.data.len() == 1 && limit.dims.len() <= x.view.rank())?;
    let region = match (node.operator(), swapped) {
        ("Greater", false) | ("Less", true) => Region::Above(limit),
        ("GreaterOrEqual", false) | ("LessOrEqual", true) => Region::Above(limit.next_down()),
        ("LessOrEqual", false) | ("GreaterOrEqual", true) => Region::UpTo(limit),
        ("Less", false) | ("Greater", true) => Region::UpTo(limit.next_down()),
        _ => return None,
    };
    Some(Comparison { x: x.clone(), region, nan: false })
}

/// Two comparisons of the same tensor, one below and one above.
fn both(node: &NodeReader<'_>) -> Option<Comparison> {
    let (Value::Condition(Condition::Numbers(a)), Value::Condition(Condition::Numbers(b))) = (node.input(0), node.input(1))
    else {
        return None;
    };
    if a.x.node != b.x.node || a.x.view != b.x.view {
        return None;
    }
    let (region, nan) = match node.operator() {
        "Or" => (a.region.or(b.region)?, a.nan || b.nan),
        "And" => (a.region.others().or(b.region.others())?.others(), a.nan && b.nan),
        _ => return None,
    };
    Some(Comparison { x: a.x.clone(), region, nan })
}

/// A branch of a choice by a comparison of `x`.
#[derive(Clone, Copy, PartialEq)]
enum Branch {
    /// `a * x + b`
    Line(f32, f32),
    /// `a * exp(x) + b`
    Exponential(f32, f32),
    /// `x` above a limit, zero elsewhere.
    Threshold(f32),
}

/// The function that is one branch above the limit and another elsewhere; `None` if there is none.
fn by_comparison(t: &mut Translator, node: &NodeReader<'_>, comparison: &Comparison) -> Result<Option<Computed>> {
    use Branch::{Exponential, Line, Threshold};
    let Comparison { x, region, .. } = comparison;
    let name = node.output(0);
    let branches = (branch(t, node.input(1), x), branch(t, node.input(2), x));
    let (Some(first), Some(second)) = branches else { return Ok(None) };
    let found = |node: NodeId| Ok(Some(Computed { node, view: x.view.clone() }));
    let (limit, [(on, on_node), (off, off_node)]) = match *region {
        Region::Above(limit) => (limit, [first, second]),
        Region::UpTo(limit) => (limit, [second, first]),
        Region::Outside(low, high) | Region::Between(low, high) => {
            let (outer, inner) = if *region == Region::Outside(low, high) { (first.0, second.0) } else { (second.0, first.0) };
            return match (outer, inner) {
                (Line(1.0, 0.0), Line(0.0, 0.0)) => found(outside(t, name, x.node, low, high)?),
                _ => Ok(None),
            };
        }
    };
    let open = f32::INFINITY;
    let meets = |corner: f32, value: f32| corner == value || corner.next_up() == value;
    // Whether a line is zero at the limit.
    let ends = |a: f32, b: f32| a * limit + b == 0.0 || a * limit.next_up() + b == 0.0;
    let is_zero = meets(limit, 0.0);
    let function = match (on, off) {
        (Line(1.0, 0.0), Line(1.0, 0.0)) => None,
        (Line(1.0, 0.0), Line(0.0, low)) if meets(limit, low) => clip(low, open),
        (Line(0.0, high), Line(1.0, 0.0)) if meets(limit, high) => clip(-open, high),
        (Line(1.0, 0.0), Line(-1.0, 0.0)) if is_zero => Some(Activation::Abs),
        (Line(1.0, 0.0), Line(slope, 0.0)) if is_zero => Some(Activation::LeakyRelu(Parameter::new(slope))),
        (Line(1.0, 0.0), Exponential(a, b)) if is_zero && a == -b => Some(Activation::Elu(Parameter::new(a))),
        (Line(gamma, 0.0), Exponential(a, b)) if is_zero && a == -b && gamma != 0.0 => {
            Some(Activation::Selu(Parameter::new(a / gamma), Parameter::new(gamma)))
        }
        (Line(a, b), Line(0.0, 0.0)) if a > 0.0 && ends(a, b) => return found(t.activation(name, Activation::Relu, on_node)?),
        (Line(0.0, 0.0), Line(a, b)) if a > 0.0 && ends(a, b) => {
            let low = Activation::Clip(Parameter::new(-open), Parameter::new(0.0));
            return found(t.activation(name, low, off_node)?);
        }
        (Line(1.0, 0.0), Line(0.0, 0.0)) => Some(Activation::Threshold(Parameter::new(limit))),
        (Line(0.0, 0.0), Line(1.0, 0.0)) => return found(below(t, name, x.node, limit)?),
        // Outside of both limits.
        (Threshold(high), Line(1.0, 0.0)) if limit < 0.0 && high >= 0.0 => return found(outside(t, name, x.node, limit, high)?),
        _ => return Ok(None),
    };
    match function {
        Some(function) if function.is_valid() => found(t.activation(name, function, x.node)?),
        Some(_) => Ok(None),
        None => found(x.node),
    }
}

/// What a branch is, if it is a function of the same `x`, and its node. That of a number is `x` itself.
fn branch(t: &Translator, value: &Value, x: &Computed) -> Option<(Branch, NodeId)> {
    let value = match value {
        Value::Constant(constant) => return constant.as_number().map(|number| (Branch::Line(0.0, number), x.node)),
        Value::Computed(value) if value.view == x.view => value,
        _ => return None,
    };
    let (a, b, base) = t.affine_of(value.node, x.node);
    let (a, b) = (a as f32, b as f32);
    if base == x.node {
        return Some((Branch::Line(a, b), value.node));
    }
    let node = t.builder.node(base);
    let branch = match node.op {
        Op::Activation(Activation::Exp) if node.inputs == [x.node] => Some(Branch::Exponential(a, b)),
        Op::Activation(Activation::Threshold(limit)) if node.inputs == [x.node] && (a, b) == (1.0, 0.0) => {
            Some(Branch::Threshold(limit.value()))
        }
        _ => None,
    };
    branch.map(|branch| (branch, value.node))
}

impl Translator {
    /// The `a`, `b` and `y` of a node that computes `a * y + b`, where `y` is `x` or no such node.
    fn affine_of(&self, mut id: NodeId, x: NodeId) -> (f64, f64, NodeId) {
        let (mut a, mut b) = (1.0, 0.0);
        while id != x {
            let node = self.builder.node(id);
            let one = |suffix: &str| {
                let values = self.weights.get(&format!("{}.{suffix}", node.name))?.data();
                values.first().copied().filter(|first| values.iter().all(|value| value == first))
            };
            let numbers = match node.op {
                Op::Activation(Activation::Affine(scale, shift)) => Some((scale.value(), shift.value())),
                // Affine functions of channels are written so.
                Op::BatchNorm { eps }
                    if eps == f64::MIN_POSITIVE && (one("running_mean"), one("running_var")) == (Some(0.0), Some(1.0)) =>
                {
                    one("weight").zip(one("bias"))
                }
                _ => None,
            };
            let Some((scale, shift)) = numbers else { break };
            (a, b, id) = (a * f64::from(scale), a * f64::from(shift) + b, node.inputs[0]);
        }
        (a, b, id)
    }
}

/// `x` where it is at most the limit, zero elsewhere.
fn below(t: &mut Translator, name: &str, x: NodeId, limit: f32) -> Result<NodeId> {
    let minus = Activation::Affine(Parameter::new(-1.0), Parameter::new(0.0));
    let turned = t.activation(&format!("{name}.turned"), minus, x)?;
    let above = Activation::Threshold(Parameter::new((-limit).next_down()));
    let above = t.activation(&format!("{name}.above"), above, turned)?;
    t.activation(name, minus, above)
}

/// `x` where it is at most `low` or above `high`, zero between.
fn outside(t: &mut Translator, name: &str, x: NodeId, low: f32, high: f32) -> Result<NodeId> {
    let below = below(t, &format!("{name}.below"), x, low)?;
    let above = t.activation(&format!("{name}.beyond"), Activation::Threshold(Parameter::new(high)), x)?;
    t.add(name, Op::Add, &[below, above])
}

/// Numbers of a magnitude of at most `lambd` become zero, all others come closer to zero by `bias`.
fn shrink(t: &mut Translator, node: &NodeReader<'_>) -> Result<Computed> {
    let x = computed(node)?;
    let (limit, bias) = (node.float("lambd")?.unwrap_or(0.5), node.float("bias")?.unwrap_or(0.0));
    if limit.is_nan() || limit.is_infinite() || limit < 0.0 || (bias != 0.0 && bias != limit) {
        return Err(format!("lambd is {limit} and bias {bias}; lambd must be at least 0, and bias 0 or lambd"));
    }
    let name = node.output(0);
    let id = if bias == 0.0 {
        outside(t, name, x.node, (-limit).next_down(), limit)?
    } else {
        let near = Activation::Clip(Parameter::new(-limit), Parameter::new(limit));
        let near = t.activation(&format!("{name}.near"), near, x.node)?;
        t.add(name, Op::Binary(Arithmetic::Sub), &[x.node, near])?
    };
    Ok(Computed { node: id, view: x.view.clone() })
}

/// A choice by constants. If it varies along one dimension, parts of both tensors are joined.
fn by_constant(t: &mut Translator, node: &NodeReader<'_>, chosen: &Shared) -> Result<Computed> {
    let (Data::Booleans(values), Some(mask)) = (&chosen.data, chosen.as_mask()) else {
        return Err(format!("its condition holds {}, and must hold booleans", chosen.data.kind()));
    };
    let name = node.output(0);
    let dims = |index: usize| node.input(index).dims().ok_or_else(|| format!("input {index} is missing"));
    let sizes = broadcast(&broadcast(&chosen.dims, &dims(1)?)?, &dims(2)?)?;
    t.make(count(&sizes)?)?;
    let all: Vec<bool> = repeated(&chosen.dims, &sizes).map(|place| values[place]).collect();
    let steps = strides(&sizes);
    let varies =
        |dim: usize| all.iter().enumerate().any(|(i, value)| *value != all[i - i / steps[dim] % sizes[dim] * steps[dim]]);
    let varying: Vec<usize> = (0..sizes.len()).filter(|&dim| varies(dim)).collect();
    let mut side = |chosen: bool| -> Result<Computed> {
        let index = if chosen { 1 } else { 2 };
        let input = match node.input(index) {
            Value::Computed(input) => input.clone(),
            Value::Constant(constant) => {
                let numbers = constant.as_floats().ok_or_else(|| format!("input {index} holds {}", constant.data.kind()))?;
                let whole = repeated(&constant.dims, &sizes).map(|place| numbers[place]).collect();
                t.make(all.len())?;
                return t.held(&format!("{name}.constant{index}"), &Constant::floats(sizes.clone(), whole));
            }
            _ => return Err(format!("input {index} is missing")),
        };
        if input.view.sizes() == sizes { Ok(input) } else { t.repeated(&format!("{name}.repeated{index}"), &input, &sizes) }
    };
    let dim = match varying[..] {
        [] => return side(all.first().copied().unwrap_or(true)),
        [dim] => dim,
        _ => return choose::by_constant(t, node, mask),
    };
    let line: Vec<bool> = (0..sizes[dim]).map(|i| all[i * steps[dim]]).collect();
    let runs: Vec<&[bool]> = line.chunk_by(|a, b| a == b).collect();
    if runs.len() > MOST_PARTS {
        return choose::by_constant(t, node, mask);
    }
    let sides = [side(false)?, side(true)?];
    let (mut parts, mut begin) = (Vec::new(), 0);
    for run in runs {
        let part = &sides[usize::from(run[0])];
        parts.push(t.part(&format!("{name}.from{begin}"), part, dim, (begin, run.len(), 1))?);
        begin += run.len();
    }
    t.joined(name, parts, dim)
}
