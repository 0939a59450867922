//! The table of patterns.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use sartor_ops::{Axis, Parameter};

use super::matcher::{Found, Matcher, near};
use crate::arithmetic::{Arithmetic, Spread};
use crate::graph::{Activation, Conv2d, NodeId, Op, Padding, Rearrange, Window};

/// A spelling of an operator.
pub struct Pattern {
    /// What it finds.
    #[cfg_attr(not(test), allow(dead_code, reason = "tests say which pattern failed"))]
    pub name: &'static str,
    /// What a node is, if it is spelled so.
    pub find: fn(&Matcher<'_>, NodeId) -> Option<Found>,
}

/// All patterns.
pub const ALL: &[Pattern] = &[
    Pattern { name: "a hard sigmoid by a clamp", find: hard_sigmoid },
    Pattern { name: "x times a gate of x", find: gated },
    Pattern { name: "a hard swish that is divided last", find: hard_swish },
    Pattern { name: "GELU by an error function", find: gelu },
    Pattern { name: "GELU by a hyperbolic tangent", find: gelu_tanh },
    Pattern { name: "a partial shortcut by concatenation", find: partial_sum },
    Pattern { name: "a sum with channels of zeros", find: padded_sum },
    Pattern { name: "a map in slices, joined again", find: joined },
    Pattern { name: "arithmetic with a map that was repeated", find: repeated },
    Pattern { name: "a convolution of a map with a border of zeros", find: bordered_conv },
    Pattern { name: "an average of a map with a border of zeros", find: bordered_average },
];

fn function(function: Activation, x: NodeId) -> Found {
    Found { op: Op::Activation(function), inputs: vec![x] }
}

fn is_a_sixth(function: Activation) -> bool {
    matches!(function, Activation::HardSigmoid(alpha, beta) if near(alpha.value(), 1.0 / 6.0) && beta.value() == 0.5)
}

/// `clamp(x + 3, 0, 6)`, whose sixth is the hard sigmoid.
fn clamped(m: &Matcher<'_>, id: NodeId) -> Option<NodeId> {
    m.affine_of(m.argument(id, Activation::Relu6)?, 1.0, 3.0)
}

/// `clamp(x + 3, 0, 6) / 6`
fn hard_sigmoid(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let x = clamped(m, m.affine_of(id, 1.0 / 6.0, 0.0)?)?;
    Some(function(Activation::HardSigmoid(Parameter::new(1.0 / 6.0), Parameter::new(0.5)), x))
}

/// `x * sigmoid(x)`, `x * sigmoid(beta * x)`, `x * hard_sigmoid(x)` and `x * tanh(softplus(x))`
fn gated(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    m.products(id).into_iter().find_map(|(x, gate)| {
        let found = match m.activation(gate)? {
            (Activation::Sigmoid, argument) if argument == x => Activation::Silu,
            (Activation::Sigmoid, argument) => match m.affine(argument)? {
                (beta, 0.0, inner) if inner == x => Activation::Swish(Parameter::new(beta)),
                _ => return None,
            },
            (sixth, argument) if argument == x && is_a_sixth(sixth) => Activation::HardSwish,
            (Activation::Tanh, argument) if m.argument(argument, Activation::Softplus) == Some(x) => Activation::Mish,
            _ => return None,
        };
        Some(function(found, x))
    })
}

/// `x * clamp(x + 3, 0, 6) / 6`
fn hard_swish(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let product = m.affine_of(id, 1.0 / 6.0, 0.0)?;
    let x = m.products(product).into_iter().find_map(|(x, gate)| (clamped(m, gate)? == x).then_some(x))?;
    Some(function(Activation::HardSwish, x))
}

/// The argument of `x * (1 + f) / 2`, whichever factor is halved; `f` is told by `inner`.
fn half_of(m: &Matcher<'_>, id: NodeId, inner: impl Fn(NodeId) -> Option<NodeId>) -> Option<NodeId> {
    // The whole is halved last.
    if let Some(product) = m.affine_of(id, 0.5, 0.0) {
        return m.products(product).into_iter().find_map(|(x, sum)| (inner(m.affine_of(sum, 1.0, 1.0)?)? == x).then_some(x));
    }
    m.products(id).into_iter().find_map(|(a, b)| {
        // One factor is halved: x, the sum, or the function in it.
        if let Some(x) = m.affine_of(a, 0.5, 0.0)
            && inner(m.affine_of(b, 1.0, 1.0)?)? == x
        {
            return Some(x);
        }
        let f = m.affine_of(b, 0.5, 0.5).or_else(|| m.affine_of(m.affine_of(b, 0.5, 0.0)?, 1.0, 1.0))?;
        (inner(f)? == a).then_some(a)
    })
}

/// `x * (1 + erf(x / sqrt(2))) / 2`
fn gelu(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let x = half_of(m, id, |f| m.affine_of(m.argument(f, Activation::Erf)?, FRAC_1_SQRT_2, 0.0))?;
    Some(function(Activation::Gelu, x))
}

/// `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`
fn gelu_tanh(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    const CUBIC: f32 = 0.044_715;
    let x = half_of(m, id, |f| {
        let sum = m.affine_of(m.argument(f, Activation::Tanh)?, (2.0 / PI).sqrt(), 0.0)?;
        let (Op::Add, &[a, b]) = (m.op(sum), m.inputs(sum)) else { return None };
        [(a, b), (b, a)].into_iter().find_map(|(x, term)| (cube(m, m.affine_of(term, CUBIC, 0.0)?)? == x).then_some(x))
    })?;
    Some(function(Activation::GeluTanh, x))
}

/// The argument of a cube.
fn cube(m: &Matcher<'_>, id: NodeId) -> Option<NodeId> {
    m.argument(id, Activation::Cube).or_else(|| {
        m.products(id).into_iter().find_map(|(x, square)| {
            let argument = m.argument(square, Activation::Square);
            let argument = argument.or_else(|| m.products(square).into_iter().find_map(|(a, b)| (a == b).then_some(a)));
            (argument? == x).then_some(x)
        })
    })
}

/// The map, first channel and number of channels of a slice.
fn slice(m: &Matcher<'_>, id: NodeId) -> Option<(NodeId, usize, usize)> {
    if let Op::Slice { begin, len } = m.op(id) { Some((m.inputs(id)[0], begin, len)) } else { None }
}

/// `concat(x[:n] + y, x[n:])`
fn partial_sum(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let (Op::Concat, &[sum, rest]) = (m.op(id), m.inputs(id)) else { return None };
    let (Op::Add, &[a, b]) = (m.op(sum), m.inputs(sum)) else { return None };
    let (x, begin, _) = slice(m, rest)?;
    if begin != m.shape(sum).c || m.shape(x) != m.shape(id) {
        return None;
    }
    [(a, b), (b, a)].into_iter().find_map(|(head, y)| {
        let is_head = slice(m, head) == Some((x, 0, begin)) && m.shape(y).c == begin;
        is_head.then(|| Found { op: Op::Add, inputs: vec![x, y] })
    })
}

/// `x + concat(y, zeros)`, where a convolution copies `y` in front of the zeros
fn padded_sum(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let (Op::Add, &[a, b]) = (m.op(id), m.inputs(id)) else { return None };
    [(a, b), (b, a)].into_iter().find_map(|(x, padded)| {
        let Op::Conv2d(Conv2d { oc, groups: 1, bias: false, window: Window::POINT }) = m.op(padded) else { return None };
        let y = m.inputs(padded)[0];
        let c = m.shape(y).c;
        let weight = m.param(padded, "weight")?;
        let copies = weight.iter().enumerate().all(|(at, &w)| w == if at / c == at % c { 1.0 } else { 0.0 });
        (copies && c <= oc && m.shape(x).c == oc).then(|| Found { op: Op::Add, inputs: vec![x, y] })
    })
}

/// `concat(x[:a], x[a:b], x[b:])`
fn joined(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let (Op::Concat, inputs) = (m.op(id), m.inputs(id)) else { return None };
    let (x, ..) = slice(m, *inputs.first()?)?;
    let mut next = 0;
    for &input in inputs {
        let (map, begin, len) = slice(m, input)?;
        if (map, begin) != (x, next) {
            return None;
        }
        next += len;
    }
    (next == m.shape(x).c && inputs.len() > 1).then(|| Found { op: Op::Concat, inputs: vec![x] })
}

/// `x * expand(y)` and the like: the operator repeats `y` by itself
fn repeated(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let (op @ (Op::Binary(_) | Op::Add), &[x, wide]) = (m.op(id), m.inputs(id)) else { return None };
    let arithmetic = if op == Op::Add { Op::Binary(Arithmetic::Add) } else { op };
    let narrower = |x: NodeId, wide: NodeId| {
        let y = match m.op(wide) {
            Op::Rearrange(Rearrange::Upsample { .. }) if m.shape(m.inputs(wide)[0]).pixels() == 1 => m.inputs(wide)[0],
            Op::Conv2d(Conv2d { groups: 1, bias: false, window: Window::POINT, .. })
                if m.shape(m.inputs(wide)[0]).c == 1 && m.param(wide, "weight")?.iter().all(|&w| w == 1.0) =>
            {
                m.inputs(wide)[0]
            }
            _ => return None,
        };
        Spread::of(m.shape(x).dims(), m.shape(y).dims()).map(|_| y)
    };
    if let Some(y) = narrower(x, wide) {
        return Some(Found { op: arithmetic, inputs: vec![x, y] });
    }
    let commutes = matches!(arithmetic, Op::Binary(Arithmetic::Add | Arithmetic::Mul | Arithmetic::Max | Arithmetic::Min));
    let y = narrower(wide, x).filter(|_| commutes && m.shape(x) == m.shape(wide))?;
    Some(Found { op: arithmetic, inputs: vec![wide, y] })
}

/// The map around which a node adds zeros, and the rows and columns of zeros.
fn border(m: &Matcher<'_>, id: NodeId) -> Option<(NodeId, (Padding, Padding))> {
    let Op::Rearrange(Rearrange::Pad { rows, columns }) = m.op(id) else { return None };
    Some((m.inputs(id)[0], (rows, columns)))
}

fn both((a, b): (Padding, Padding), (c, d): (Padding, Padding)) -> (Padding, Padding) {
    let sum = |a: Padding, b: Padding| Padding { before: a.before + b.before, after: a.after + b.after };
    (sum(a, c), sum(b, d))
}

/// `conv(pad(x))`, where the convolution can take the padding over
fn bordered_conv(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let Op::Conv2d(conv) = m.op(id) else { return None };
    let (x, padding) = border(m, m.inputs(id)[0])?;
    let window = Window { padding: both(conv.window.padding, padding), ..conv.window };
    Some(Found { op: Op::Conv2d(Conv2d { window, ..conv }), inputs: vec![x] })
}

/// `mean(pad(x))`, whose border counts
fn bordered_average(m: &Matcher<'_>, id: NodeId) -> Option<Found> {
    let Op::AvgPool { window, counted } = m.op(id) else { return None };
    let (x, padding) = border(m, m.inputs(id)[0])?;
    // Padding that does not count lies outside of what the border counts.
    if window.padding != counted && window.padding != Padding::around(0) {
        return None;
    }
    let has_taps = |axis: Axis, src: usize, dst: usize| (0..dst).all(|at| !axis.taps(at, src).is_empty());
    let whole = Window { padding: both(window.padding, padding), ..window };
    let ((rows, columns), (src, dst)) = (whole.axes(), (m.shape(x), m.shape(id)));
    let fits = has_taps(rows, src.h, dst.h) && has_taps(columns, src.w, dst.w);
    fits.then(|| Found { op: Op::AvgPool { window: whole, counted: both(counted, padding) }, inputs: vec![x] })
}
