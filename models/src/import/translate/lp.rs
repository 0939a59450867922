//! Norms of windows and of lines: roots of sums of powers.

use sartor_ops::Parameter;

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::window::window;
use super::moved::with_channels;
use super::power::power;
use super::translator::{Translator, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Conv2d, NodeId, Op, Reduction};

/// What is translated here.
pub const OPERATORS: &[&str] = &["LpPool", "GlobalLpPool", "LpNormalization"];

/// The largest power.
const MOST: u8 = 16;

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let norm = Norm::of(node)?;
    match node.operator() {
        "LpNormalization" => normalised(t, node, norm),
        _ => pool(t, node, norm),
    }
}

/// How the length of a vector is measured: by the root of the sum of magnitudes to this power.
#[derive(Clone, Copy)]
struct Norm(u8);

impl Norm {
    fn of(node: &NodeReader<'_>) -> Result<Self> {
        let p = node.int("p")?.unwrap_or(2);
        u8::try_from(p)
            .ok()
            .filter(|p| (1..=MOST).contains(p))
            .map(Self)
            .ok_or_else(|| format!("p is {p}, and must be 1 to {MOST}"))
    }

    /// What is summed.
    fn terms(self, t: &mut Translator, name: &str, x: NodeId) -> Result<NodeId> {
        let name = format!("{name}.terms");
        // Even powers have no sign.
        let magnitude =
            if self.0.is_multiple_of(2) { x } else { t.activation(&format!("{name}.magnitude"), Activation::Abs, x)? };
        power(t, &name, magnitude, self.0.into())
    }

    /// The norm of sums.
    fn of_sums(self, t: &mut Translator, name: &str, sums: NodeId) -> Result<NodeId> {
        power(t, name, sums, 1.0 / f32::from(self.0))
    }
}

/// The norms of windows, or of all pixels of each channel. Sums over windows are convolutions with ones.
fn pool(t: &mut Translator, node: &NodeReader<'_>, norm: Norm) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (name, rank) = (node.output(0), input.view.rank());
    let src = t.image(name, input)?;
    let shape = t.shape(src);
    let terms = norm.terms(t, name, src)?;
    let own = format!("{name}.sums");
    let sums = if node.operator() == "GlobalLpPool" {
        t.add(&own, Op::Reduce(Reduction::Sum), &[terms])?
    } else {
        let window = window(node, None, rank.saturating_sub(2), (shape.h, shape.w))?.window;
        let conv = Conv2d { oc: shape.c, groups: shape.c, bias: false, window };
        t.filled(&own, conv, terms, None, |_| 1.0)?
    };
    let id = norm.of_sums(t, name, sums)?;
    Ok(t.usual(id, rank))
}

/// Each line along a dimension, divided by its norm. A line of zeros stays.
fn normalised(t: &mut Translator, node: &NodeReader<'_>, norm: Norm) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let name = node.output(0);
    let axis = node.axis(node.int("axis")?.unwrap_or(-1), input.view.rank())?;
    let is_axis = input.view.dim(axis).is_empty() || input.view.axis(axis, t.shape(input.node)).is_some();
    let Computed { node: x, view } =
        if is_axis { input.clone() } else { with_channels(t, &format!("{name}.channels"), input, axis..axis + 1)? };
    let terms = norm.terms(t, name, x)?;
    let sums = t.reduced(&format!("{name}.sums"), terms, &view, &[axis], Reduction::Sum)?;
    let norms = norm.of_sums(t, &format!("{name}.norms"), sums)?;
    let positive = Activation::Clip(Parameter::new(f32::MIN_POSITIVE), Parameter::new(f32::INFINITY));
    let norms = t.activation(&format!("{name}.positive"), positive, norms)?;
    let norms = t.spread(&format!("{name}.spread"), norms, t.shape(x))?;
    let id = t.add(name, Op::Binary(Arithmetic::Div), &[x, norms])?;
    Ok(vec![Value::Computed(Computed { node: id, view })])
}
