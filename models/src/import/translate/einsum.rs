//! Products by Einstein's notation, of a computed tensor and a constant.

use super::super::constant::Constant;
use super::super::dims::{count, strides, walk};
use super::super::node::{NodeReader, Result};
use super::super::value::{Computed, Value};
use super::linear::{Matrix, product};
use super::translator::{Translator, by_channel};

/// What is translated here.
pub const OPERATORS: &[&str] = &["Einsum"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let text = node.text("equation")?.ok_or("equation is missing")?;
    let equation = Equation::read(&text)?;
    if equation.terms.len() != node.inputs().len() {
        return Err(format!("equation is {text}, for {} inputs", node.inputs().len()));
    }
    let value = match (node.inputs(), &equation.terms[..]) {
        ([Value::Computed(x)], [own]) => turned(x, own, &equation.result),
        ([Value::Computed(x), Value::Constant(constant)], [own, other]) => with(t, node, (x, own), (constant, other), &equation),
        ([Value::Constant(constant), Value::Computed(x)], [other, own]) => with(t, node, (x, own), (constant, other), &equation),
        ([Value::Computed(_), Value::Computed(_)], _) => {
            Err("both inputs are computed by the network; only products with constant weights are supported".into())
        }
        _ => Err("it has more than two inputs; only products of a tensor and a constant are supported".into()),
    };
    value.map(|value| vec![Value::Computed(value)]).map_err(|reason| format!("equation is {text}: {reason}"))
}

/// The letters of the dimensions of the inputs and of the result.
struct Equation {
    terms: Vec<Vec<char>>,
    result: Vec<char>,
}

impl Equation {
    fn read(text: &str) -> Result<Self> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (terms, result) = text
            .split_once("->")
            .ok_or_else(|| format!("equation is {text}, and must name the result's dimensions behind an arrow"))?;
        let letters = |term: &str| -> Result<Vec<char>> {
            let letters: Vec<char> = term.chars().collect();
            let plain =
                letters.iter().enumerate().all(|(i, letter)| letter.is_ascii_alphabetic() && !letters[..i].contains(letter));
            if plain {
                Ok(letters)
            } else {
                Err(format!("equation is {text}, and must have different letters for all dimensions"))
            }
        };
        Ok(Self { terms: terms.split(',').map(letters).collect::<Result<_>>()?, result: letters(result)? })
    }
}

fn place(letters: &[char], letter: char) -> Result<usize> {
    letters.iter().position(|&other| other == letter).ok_or_else(|| format!("{letter} is no dimension of what it is made of"))
}

/// The tensor with its dimensions in the order of the result.
fn turned(x: &Computed, own: &[char], result: &[char]) -> Result<Computed> {
    if own.len() != x.view.rank() || own.len() != result.len() {
        return Err(format!("it names {} dimensions of {:?}", own.len(), x.view.sizes()));
    }
    let perm = result.iter().map(|&letter| place(own, letter)).collect::<Result<Vec<usize>>>()?;
    Ok(Computed { node: x.node, view: x.view.transposed(&perm) })
}

/// A product with a constant: a matrix product over the dimensions that the result lacks, or one factor for each channel.
fn with(
    t: &mut Translator,
    node: &NodeReader<'_>,
    (x, own): (&Computed, &[char]),
    (constant, other): (&Constant, &[char]),
    equation: &Equation,
) -> Result<Computed> {
    let sizes = x.view.sizes();
    let values = constant.expect_floats("its constant")?;
    if own.len() != sizes.len() || other.len() != constant.dims.len() {
        return Err(format!("inputs have dimensions {sizes:?} and {:?}", constant.dims));
    }
    for (&letter, &size) in own.iter().zip(&sizes) {
        if let Some(at) = other.iter().position(|&found| found == letter)
            && constant.dims[at] != size
        {
            return Err(format!("{letter} is {size} and {}", constant.dims[at]));
        }
    }
    let result = &equation.result;
    let is_summed = |letter: &&char| !result.contains(*letter);
    let (summed, kept): (Vec<char>, Vec<char>) = own.iter().partition(is_summed);
    let (shared, made): (Vec<char>, Vec<char>) = other.iter().partition(|letter| own.contains(letter));
    if summed.is_empty() && made.is_empty() {
        return scaled(t, node, (x, own), (constant, other), result);
    }
    if shared.len() != summed.len()
        || shared.iter().any(|letter| !summed.contains(letter))
        || made.iter().any(|l| !result.contains(l))
    {
        return Err("only products are supported that sum over all dimensions that both inputs have".into());
    }
    // The dimensions that are summed over become one, behind all others; so do those that the constant adds.
    let order = kept.iter().chain(&summed).map(|&letter| place(own, letter)).collect::<Result<Vec<usize>>>()?;
    let turned = Computed { node: x.node, view: x.view.transposed(&order) };
    let turned_sizes = turned.view.sizes();
    let (front, behind) = turned_sizes.split_at(kept.len());
    let terms = count(behind)?;
    let dims = [front, &[terms]].concat();
    let name = node.output(0);
    let input = match turned.view.reshaped(&dims) {
        Some(view) => Computed { node: x.node, view },
        None => t.in_rows(&format!("{name}.rows"), &turned, &dims)?,
    };
    let order = summed.iter().chain(&made).map(|&letter| place(other, letter)).collect::<Result<Vec<usize>>>()?;
    let steps = strides(&constant.dims);
    let (of, by): (Vec<usize>, Vec<usize>) = order.iter().map(|&dim| (constant.dims[dim], steps[dim])).unzip();
    let made_sizes = of[summed.len()..].to_vec();
    let outputs = count(&made_sizes)?;
    let matrix: Vec<f32> = walk(of, by, 0).map(|place| values[place]).collect();
    let matrix = Matrix { values: &matrix, terms, outputs, transposed: false, factor: 1.0 };
    let Computed { node: id, view } = product(t, name, &input, &matrix, None)?;
    let dims = [front, &made_sizes].concat();
    let value = match view.reshaped(&dims) {
        Some(view) => Computed { node: id, view },
        None => t.in_rows(&format!("{name}.split"), &Computed { node: id, view }, &dims)?,
    };
    self::turned(&value, &[kept, made].concat(), result)
}

/// Each element times the constant's for its channel.
fn scaled(
    t: &mut Translator,
    node: &NodeReader<'_>,
    (x, own): (&Computed, &[char]),
    (constant, other): (&Constant, &[char]),
    result: &[char],
) -> Result<Computed> {
    let steps = strides(&constant.dims);
    let of = |letter: &char| other.iter().position(|found| found == letter).map_or((1, 0), |at| (constant.dims[at], steps[at]));
    let (dims, steps): (Vec<usize>, Vec<usize>) = own.iter().map(of).unzip();
    let aligned = Constant { data: constant.data.pick(walk(dims.clone(), steps, 0)), dims };
    let factors = by_channel(&x.view, t.shape(x.node), &aligned)?;
    let zeros = vec![0.0; factors.len()];
    let id = t.affine(node.output(0), x.node, factors, zeros)?;
    turned(&Computed { node: id, view: x.view.clone() }, own, result)
}
