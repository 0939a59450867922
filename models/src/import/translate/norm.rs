//! Normalisations.

use sartor_ops::Parameter;

use super::super::broadcast::{is_by_pixel, steps};
use super::super::constant::Constant;
use super::super::fold::BatchNorm;
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{Factor, MapAxis, View};
use super::moved::with_channels;
use super::translator::{Translator, by_channel, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Conv2d, NodeId, Op, Reduction, Window};

/// What is translated here.
pub const OPERATORS: &[&str] =
    &["BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "LRN"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "BatchNormalization" => batch_norm(t, node),
        "InstanceNormalization" => instance_norm(t, node),
        "GroupNormalization" => group_norm(t, node),
        "LayerNormalization" => layer_norm(t, node),
        _ => lrn(t, node),
    }
}

fn batch_norm(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let BatchNorm { training, eps } = BatchNorm::of(node)?;
    if training {
        return Err("training_mode is 1; export the network in evaluation mode".into());
    }
    let shape = t.shape(input.node);
    let is_channels = input.view.is_channels(1, shape);
    let (src, view) = if is_channels {
        (input.node, input.view.clone())
    } else {
        let src = t.image(node.output(0), input)?;
        (src, View::usual(t.shape(src), input.view.rank()))
    };
    let c = t.shape(src).c;
    let params = ["weight", "bias", "running_mean", "running_var"].into_iter().enumerate();
    let params = params.map(|(i, name)| Ok((name, vec![c], node.floats(i + 1)?.to_vec()))).collect::<Result<Vec<_>>>()?;
    // The graph wants a positive number.
    let eps = f64::from(eps).max(f64::MIN_POSITIVE);
    let id = t.add_with(node.output(0), Op::BatchNorm { eps }, &[src], params)?;
    Ok(vec![Value::Computed(Computed { node: id, view })])
}

/// A map of mean zero and variance one, and what it was made with.
struct Standardised {
    node: NodeId,
    means: NodeId,
    /// One by the standard deviations.
    factor: NodeId,
}

impl Translator {
    /// `(x - mean) / sqrt(variance + eps)`, where `mean` computes the means.
    fn standardised(
        &mut self,
        name: &str,
        x: NodeId,
        eps: f32,
        mean: impl Fn(&mut Self, &str, NodeId) -> Result<NodeId>,
    ) -> Result<Standardised> {
        let of = |suffix: &str| format!("{name}.{suffix}");
        let means = mean(self, &of("mean"), x)?;
        let centred = self.add(&of("centred"), Op::Binary(Arithmetic::Sub), &[x, means])?;
        let squares = self.activation(&of("squares"), Activation::Square, centred)?;
        let variance = mean(self, &of("variance"), squares)?;
        let positive = Activation::Affine(Parameter::new(1.0), Parameter::new(eps));
        let positive = self.activation(&of("positive"), positive, variance)?;
        let factor = self.activation(&of("factor"), Activation::InverseSqrt, positive)?;
        let node = self.add(&of("standardised"), Op::Binary(Arithmetic::Mul), &[centred, factor])?;
        Ok(Standardised { node, means, factor })
    }

    /// The means of groups of channels, over their pixels: one for each channel, the same within a group.
    fn group_means(&mut self, name: &str, x: NodeId, groups: usize) -> Result<NodeId> {
        let c = self.shape(x).c;
        let means = self.add(&format!("{name}.pixels"), Op::Reduce(Reduction::Mean), &[x])?;
        if groups == c {
            return Ok(means);
        }
        let each = c / groups;
        let conv = Conv2d { oc: c, groups, bias: false, window: Window::POINT };
        self.filled(name, conv, means, None, |_| 1.0 / each as f32)
    }

    /// Multiplies by a scale and adds a bias, which are the same for so many channels in a row.
    fn scaled(&mut self, name: &str, x: NodeId, scale: &[f32], bias: &[f32]) -> Result<NodeId> {
        let c = self.shape(x).c;
        if scale.len() != bias.len() || scale.is_empty() || !c.is_multiple_of(scale.len()) {
            return Err(format!("its scale and bias have {} and {} values, for {c} channels", scale.len(), bias.len()));
        }
        let each = c / scale.len();
        let wide = |values: &[f32]| values.iter().flat_map(|&value| std::iter::repeat_n(value, each)).collect::<Vec<f32>>();
        if scale.iter().all(|&x| x == 1.0) && bias.iter().all(|&x| x == 0.0) {
            return Ok(x);
        }
        self.affine(name, x, wide(scale), wide(bias))
    }
}

/// Also group norm, which exporters write as the instance norm of `[1, groups, the rest]`.
fn instance_norm(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (view, shape, name) = (&input.view, t.shape(input.node), node.output(0));
    node.skip(&["consumed_inputs"]);
    let eps = node.float("epsilon")?.unwrap_or(1e-5);
    let groups = view.sizes().get(1).copied().unwrap_or(1);
    let is_group = match view.rank() > 1 && view.dim(0).is_empty() {
        false => false,
        true if groups == 1 => shape.c == 1 || (2..view.rank()).any(|dim| view.touches(dim, MapAxis::C)),
        true => view.dim(1) == [Factor { axis: MapAxis::C, size: groups, stride: shape.c / groups }],
    };
    if !is_group {
        return Err(format!(
            "its channels, of an input of dimensions {:?}, are no groups of the channels in memory",
            view.sizes()
        ));
    }
    let x = t.standardised(name, input.node, eps, |t, name, x| t.group_means(name, x, groups))?.node;
    let id = t.scaled(name, x, node.floats(1)?, node.floats(2)?)?;
    Ok(vec![Value::Computed(Computed { node: id, view: view.clone() })])
}

fn group_norm(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    node.skip(&["stash_type"]);
    let eps = node.float("epsilon")?.unwrap_or(1e-5);
    let src = t.image(node.output(0), input)?;
    let c = t.shape(src).c;
    let groups = node.int("num_groups")?.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0 && c.is_multiple_of(n));
    let groups = groups.ok_or_else(|| format!("num_groups does not divide {c} channels"))?;
    let name = node.output(0);
    let x = t.standardised(name, src, eps, |t, name, x| t.group_means(name, x, groups))?.node;
    let id = t.scaled(name, x, node.floats(1)?, node.floats(2)?)?;
    Ok(t.usual(id, input.view.rank()))
}

/// The last dimensions are normalised. They must be whole axes of the map.
fn layer_norm(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    node.skip(&["stash_type"]);
    let (view, name) = (&input.view, node.output(0));
    let eps = node.float("epsilon")?.unwrap_or(1e-5);
    let axis = node.axis(node.int("axis")?.unwrap_or(-1), view.rank())?;
    let dims: Vec<usize> = (axis..view.rank()).collect();
    // One value for each channel is subtracted, or one for each pixel, but not one for each row: rows or columns become channels.
    let is_lines = matches!(dims[..], [dim] if matches!(view.axis(dim, t.shape(input.node)), Some(MapAxis::H | MapAxis::W)));
    let Computed { node: source, view } =
        if is_lines { with_channels(t, &format!("{name}.channels"), input, axis..view.rank())? } else { input.clone() };
    let x = t.standardised(name, source, eps, |t, name, x| t.reduced(name, x, &view, &dims, Reduction::Mean))?;
    let shape = t.shape(x.node);
    let (scale, bias) = (node.needed(1)?, node.constant(2)?);
    let by_pixel = |constant: &Constant| steps(&view, constant).map(|steps| is_by_pixel(&view, &steps));
    let id = if by_pixel(scale)? || bias.map_or(Ok(false), |bias| by_pixel(bias))? {
        let standard = Computed { node: x.node, view: view.clone() };
        let scaled = t.against(&format!("{name}.scaled"), Arithmetic::Mul, &standard, scale)?;
        bias.map_or(Ok(scaled.node), |bias| t.against(name, Arithmetic::Add, &scaled, bias).map(|sum| sum.node))?
    } else {
        let scale = by_channel(&view, shape, scale)?;
        let bias = bias.map_or_else(|| Ok(vec![0.0; scale.len()]), |bias| by_channel(&view, shape, bias))?;
        t.scaled(name, x.node, &scale, &bias)?
    };
    let statistics = view.with_lengths_of_one(&dims);
    let values = [(id, &view), (x.means, &statistics), (x.factor, &statistics)];
    let values = values.map(|(node, view)| Value::Computed(Computed { node, view: view.clone() }));
    Ok(values.into_iter().take(node.outputs()).collect())
}

/// `x / (bias + alpha / size * Σ x²)^beta` over `size` neighbouring channels: local response normalisation.
fn lrn(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (alpha, beta) = (node.float("alpha")?.unwrap_or(1e-4), node.float("beta")?.unwrap_or(0.75));
    let (bias, size) = (node.float("bias")?.unwrap_or(1.0), node.int("size")?.unwrap_or(0));
    let size = usize::try_from(size).ok().filter(|&size| size > 0).ok_or_else(|| format!("size is {size}"))?;
    let src = t.image(node.output(0), input)?;
    let (c, name) = (t.shape(src).c, node.output(0));
    let of = |suffix: &str| format!("{name}.{suffix}");
    let squares = t.activation(&of("squares"), Activation::Square, src)?;
    let (below, above) = ((size - 1) / 2, size / 2);
    let near = |o: usize, i: usize| i + below >= o && i <= o + above;
    let conv = Conv2d { oc: c, groups: 1, bias: true, window: Window::POINT };
    let weight = |[o, i, ..]: [usize; 4]| if near(o, i) { alpha / size as f32 } else { 0.0 };
    let sums = t.filled(&of("sums"), conv, squares, Some(vec![bias; c]), weight)?;
    let factor = match beta {
        1.0 => t.activation(&of("factor"), Activation::Reciprocal, sums)?,
        0.5 => t.activation(&of("factor"), Activation::InverseSqrt, sums)?,
        0.75 => {
            let root = t.activation(&of("root"), Activation::InverseSqrt, sums)?;
            let fourth = t.activation(&of("fourth"), Activation::Sqrt, root)?;
            t.add(&of("factor"), Op::Binary(Arithmetic::Mul), &[root, fourth])?
        }
        _ if beta.is_finite() => t.activation(&of("factor"), Activation::Power(Parameter::new(-beta)), sums)?,
        _ => return Err(format!("beta is {beta}, and must be a number")),
    };
    let id = t.add(name, Op::Binary(Arithmetic::Mul), &[src, factor])?;
    Ok(t.usual(id, input.view.rank()))
}
