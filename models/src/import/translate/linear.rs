//! Products with matrices of weights.

use sartor_ops::Parameter;

use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::super::view::{Factor, MapAxis, View};
use super::moved::with_channels;
use super::translator::{Translator, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Activation, Conv2d, Op, Padding, Reduction, Shape, Window};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Gemm", "MatMul"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "Gemm" => gemm(t, node),
        _ => matmul(t, node),
    }
}

/// A matrix of weights: `at(term, output)`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub values: &'a [f32],
    pub terms: usize,
    pub outputs: usize,
    pub transposed: bool,
    pub factor: f32,
}

impl Matrix<'_> {
    /// One of several matrices that stand one after another.
    fn of(&self, index: usize) -> Self {
        Self { values: &self.values[index * self.terms * self.outputs..], ..*self }
    }

    fn at(&self, term: usize, output: usize) -> f32 {
        let place = if self.transposed { output * self.terms + term } else { term * self.outputs + output };
        if self.factor == 1.0 { self.values[place] } else { self.values[place] * self.factor }
    }
}

fn gemm(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let turned = node.int("transA")?.unwrap_or(0) != 0 && input.view.rank() == 2;
    let input = &if turned { Computed { node: input.node, view: input.view.transposed(&[1, 0]) } } else { input.clone() };
    let transposed = node.int("transB")?.unwrap_or(0) != 0;
    let (alpha, beta) = (node.float("alpha")?.unwrap_or(1.0), node.float("beta")?.unwrap_or(1.0));
    node.skip(&["broadcast"]);
    let dims = &node.needed(1)?.dims;
    let [rows, columns] = dims[..] else { return Err(format!("its weights have dimensions {dims:?}, and must be a matrix")) };
    let (terms, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
    let matrix = Matrix { values: node.floats(1)?, terms, outputs, transposed, factor: alpha };
    let bias = match node.input(2) {
        Value::Constant(constant) => {
            let values = node.floats(2)?;
            let by_output = match values.len() {
                1 => vec![values[0]; outputs],
                len if len == outputs && constant.dims.last() == Some(&outputs) => values.to_vec(),
                _ => {
                    return Err(format!(
                        "its bias has dimensions {:?}, and must have one value for each of {outputs} outputs",
                        constant.dims
                    ));
                }
            };
            Some(by_output.into_iter().map(|x| x * beta).collect())
        }
        _ => None,
    };
    if input.view.rank() != 2 {
        return Err(format!("its input has dimensions {:?}, and must be a matrix", input.view.sizes()));
    }
    let name = node.output(0);
    let result = match node.input(2) {
        Value::Computed(added) => {
            let result = product(t, &format!("{name}.product"), input, &matrix, bias)?;
            let times = Activation::Affine(Parameter::new(beta), Parameter::new(0.0));
            let scaled = if beta == 1.0 { added.node } else { t.activation(&format!("{name}.scaled"), times, added.node)? };
            t.meeting(name, Arithmetic::Add, &result, &Computed { node: scaled, view: added.view.clone() })?
        }
        Value::Condition(_) => return Err("its third input is a comparison, and must be floats".into()),
        _ => product(t, name, input, &matrix, bias)?,
    };
    Ok(vec![Value::Computed(result)])
}

fn matmul(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    if let (Value::Computed(a), Value::Computed(b)) = (node.input(0), node.input(1)) {
        return with_vector(t, node.output(0), a, b).map(|value| vec![Value::Computed(value)]);
    }
    if let (Value::Constant(_), Value::Computed(input)) = (node.input(0), node.input(1)) {
        return from_left(t, node, input).map(|value| vec![Value::Computed(value)]);
    }
    let input = computed(node)?;
    let dims = &node.needed(1)?.dims;
    if let [terms] = dims[..] {
        // A vector gives a sum for each row, without a dimension of its own.
        let matrix = Matrix { values: node.floats(1)?, terms, outputs: 1, transposed: false, factor: 1.0 };
        let Computed { node, view } = product(t, node.output(0), input, &matrix, None)?;
        let sizes = view.sizes();
        let view = view.reshaped(&sizes[..sizes.len() - 1]).ok_or("a sum of one dimension alone is not supported")?;
        return Ok(vec![Value::Computed(Computed { node, view })]);
    }
    let [batch @ .., terms, outputs] = &dims[..] else {
        return Err(format!("its weights have dimensions {dims:?}, and must be a matrix"));
    };
    let matrix = Matrix { values: node.floats(1)?, terms: *terms, outputs: *outputs, transposed: false, factor: 1.0 };
    products(t, node.output(0), input, batch, &matrix).map(|value| vec![Value::Computed(value)])
}

/// A matrix of weights times the last two dimensions of a tensor: the last two of the product with the turned matrix, turned.
fn from_left(t: &mut Translator, node: &NodeReader<'_>, input: &Computed) -> Result<Computed> {
    let dims = &node.needed(0)?.dims;
    let rank = input.view.rank();
    let [batch @ .., outputs, terms] = &dims[..] else {
        return Err(format!("its weights have dimensions {dims:?}, and must be a matrix"));
    };
    let matrix = Matrix { values: node.floats(0)?, terms: *terms, outputs: *outputs, transposed: true, factor: 1.0 };
    let name = node.output(0);
    if rank < 2 {
        products(t, name, input, batch, &matrix)
    } else {
        products(t, name, &turned(input), batch, &matrix).map(|value| turned(&value))
    }
}

/// The tensor, of two dimensions or more, with its last two in the other order.
fn turned(value: &Computed) -> Computed {
    let rank = value.view.rank();
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(rank - 2, rank - 1);
    Computed { node: value.node, view: value.view.transposed(&order) }
}

/// The product of two tensors that the network computes, if one is a row or a column of the other's elements: these are multiplied and
/// added.
fn with_vector(t: &mut Translator, name: &str, a: &Computed, b: &Computed) -> Result<Computed> {
    let (left, right) = (a.view.sizes(), b.view.sizes());
    let (whole, vector, from_end) = match (&left[..], &right[..]) {
        ([.., terms], [.., rows, 1]) if left.len() > 1 && terms == rows => (a, turned(b), 1),
        ([.., 1, terms], [.., rows, _]) if terms == rows => (b, turned(a), 2),
        _ => {
            return Err(format!(
                "both inputs, of dimensions {left:?} and {right:?}, are computed by the network; only products with constant weights or \
                 with one row or column are supported"
            ));
        }
    };
    let products = t.meeting(&format!("{name}.products"), Arithmetic::Mul, whole, &vector)?;
    let dim = products.view.rank() - from_end;
    t.without_dims(name, &products, &[dim], Reduction::Sum)
}

/// The sums over the last dimension by matrices that stand one after another in `matrix`: one for each position of the dimensions `batch`, which
/// are those before the last two.
fn products(t: &mut Translator, name: &str, input: &Computed, batch: &[usize], matrix: &Matrix<'_>) -> Result<Computed> {
    let sizes = input.view.sizes();
    if let [terms] = sizes[..] {
        // A vector is a row, which the result does not keep.
        let row = input.view.reshaped(&[1, terms]).ok_or("its dimensions do not fit")?;
        let result = products(t, name, &Computed { node: input.node, view: row }, batch, matrix)?;
        let dims = [batch, &[matrix.outputs]].concat();
        let view = result.view.reshaped(&dims).ok_or("its dimensions do not fit")?;
        return Ok(Computed { node: result.node, view });
    }
    let [outer @ .., rows, terms] = &sizes[..] else { return Err("its input has no dimensions".into()) };
    if *terms != matrix.terms || *terms == 0 {
        return Err(format!("its input has dimensions {sizes:?}, and its weights take {}", matrix.terms));
    }
    let groups: usize = batch.iter().product();
    let before = outer.len().saturating_sub(batch.len());
    let (outer, own) = outer.split_at(before);
    if groups == 1 && own.len() == batch.len() {
        return product(t, name, input, matrix, None);
    }
    // The dimensions of the result without the matrices' own, and the order that puts these in front of the rows.
    let dims = [outer, &[*rows], batch, &[matrix.outputs]].concat();
    let order: Vec<usize> = (0..before).chain(before + 1..before + 1 + batch.len()).chain([before, dims.len() - 1]).collect();
    let result = if own.iter().all(|&d| d == 1) {
        // All matrices take the same: together they are one.
        let each =
            |term: usize| (0..groups).flat_map(move |group| (0..matrix.outputs).map(move |o| matrix.of(group).at(term, o)));
        let values: Vec<f32> = (0..matrix.terms).flat_map(each).collect();
        t.make(values.len())?;
        let one = Matrix { values: &values, outputs: groups * matrix.outputs, transposed: false, factor: 1.0, ..*matrix };
        product(t, name, input, &one, None)?
    } else if own == batch {
        let to: Vec<usize> =
            (0..before).chain([before + own.len()]).chain(before..before + own.len()).chain([sizes.len() - 1]).collect();
        let turned = Computed { node: input.node, view: input.view.transposed(&to) };
        grouped(t, name, &turned, before + 1, matrix)?
    } else {
        return Err(format!("its weights are matrices of dimensions {batch:?}, and its input has {own:?} there"));
    };
    let view = result.view.reshaped(&dims).ok_or("its dimensions do not fit")?;
    Ok(Computed { node: result.node, view: view.transposed(&order) })
}

/// The sums over the last dimension, for each position of the dimensions from `first` to it by a matrix of its own.
fn grouped(t: &mut Translator, name: &str, input: &Computed, first: usize, matrix: &Matrix<'_>) -> Result<Computed> {
    let moved = with_channels(t, &format!("{name}.channels"), input, first..input.view.rank())?;
    let window = Window::new((1, 1), (1, 1), Padding::around(0));
    let groups = t.shape(moved.node).c / matrix.terms;
    let conv = Conv2d { oc: groups * matrix.outputs, groups, bias: false, window };
    let weight = |[o, term, ..]: [usize; 4]| matrix.of(o / matrix.outputs).at(term, o % matrix.outputs);
    let node = t.filled(name, conv, moved.node, None, weight)?;
    let axes = [MapAxis::H, MapAxis::C, MapAxis::W].map(Some);
    Ok(Computed { node, view: View::of_axes(t.shape(node), &axes) })
}

/// The sums over the last dimension. It may be the channels in any order, or a whole map that was flattened in any order.
pub fn product(
    t: &mut Translator,
    name: &str,
    input: &Computed,
    matrix: &Matrix<'_>,
    bias: Option<Vec<f32>>,
) -> Result<Computed> {
    let (view, shape) = (&input.view, t.shape(input.node));
    let sizes = view.sizes();
    let last = sizes.len().checked_sub(1).ok_or("its input has no dimensions")?;
    if sizes[last] != matrix.terms {
        return Err(format!("its input has dimensions {sizes:?}, and its weights take {}", matrix.terms));
    }
    let factors = view.dim(last);
    let reach = |axis: MapAxis| factors.iter().filter(|factor| factor.axis == axis).map(|factor| factor.size).product::<usize>();
    let whole = |axis: MapAxis| reach(axis) == axis.of(shape);
    let pixels = if reach(MapAxis::H) * reach(MapAxis::W) == 1 { (1, 1) } else { (shape.h, shape.w) };
    let others_read_pixels = (0..last).any(|dim| view.touches(dim, MapAxis::H) || view.touches(dim, MapAxis::W));
    if !whole(MapAxis::C) || (pixels != (1, 1) && (!whole(MapAxis::H) || !whole(MapAxis::W) || others_read_pixels)) {
        let moved = with_channels(t, &format!("{name}.channels"), input, last..last + 1)?;
        return product(t, name, &moved, matrix, bias);
    }
    let terms: Vec<usize> = terms(factors, shape, pixels);
    let weight: Vec<f32> = (0..matrix.outputs).flat_map(|o| terms.iter().map(move |&term| matrix.at(term, o))).collect();
    let oc = matrix.outputs;
    let bias_param = bias.map(|bias| ("bias", vec![oc], bias));
    let has_bias = bias_param.is_some();
    let (op, dims) = if (shape.h, shape.w) == (1, 1) {
        (Op::Linear { out: oc, bias: has_bias }, vec![oc, shape.c])
    } else {
        let window = Window::new(pixels, (1, 1), Padding::around(0));
        (Op::Conv2d(Conv2d { oc, groups: 1, bias: has_bias, window }), vec![oc, shape.c, pixels.0, pixels.1])
    };
    let params = std::iter::once(("weight", dims, weight)).chain(bias_param).collect();
    let id = t.add_with(name, op, &[input.node], params)?;
    let view = view.resized(last, MapAxis::C, oc);
    Ok(Computed { node: id, view })
}

/// For each weight of a convolution, in the order `(c, row, column)`, the term of the flattened dimension that it multiplies.
fn terms(factors: &[Factor], shape: Shape, (h, w): (usize, usize)) -> Vec<usize> {
    let term = |at: [usize; 3]| {
        factors.iter().fold(0, |term, factor| term * factor.size + at[factor.axis as usize] / factor.stride % factor.size)
    };
    (0..shape.c).flat_map(|c| (0..h).flat_map(move |y| (0..w).map(move |x| [c, y, x]))).map(term).collect()
}
