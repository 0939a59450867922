//! Files that a test writes: a few nodes, in lines, behind an input, and what they must give.

use std::path::Path;

use prost::Message;
use sartor::models::import::{ImportOptions, onnx_bytes};
use sartor::models::proto::{
    self, Attribute, Dimension, Graph, Model, Node, OperatorSet, Tensor, TensorShape, TensorType, Type, ValueInfo,
};

use crate::question::{self, Question};

fn info(name: &str, dims: &[usize]) -> ValueInfo {
    let dim = dims.iter().map(|&d| Dimension { dim_value: Some(d as i64), dim_param: None }).collect();
    let tensor = TensorType { elem_type: Some(proto::FLOAT), shape: Some(TensorShape { dim }) };
    ValueInfo { name: Some(name.into()), r#type: Some(Type { tensor_type: Some(tensor) }) }
}

fn tensor(name: &str, data_type: i32, dims: &[usize], raw_data: Vec<u8>) -> Tensor {
    let dims = dims.iter().map(|&d| d as i64).collect();
    Tensor { dims, data_type: Some(data_type), name: Some(name.into()), raw_data: Some(raw_data), ..Tensor::default() }
}

pub fn floats(name: &str, dims: &[usize], value: impl Fn(usize) -> f32) -> Tensor {
    tensor(name, proto::FLOAT, dims, (0..dims.iter().product()).flat_map(|i| value(i).to_le_bytes()).collect())
}

pub fn booleans(name: &str, dims: &[usize], value: impl Fn(usize) -> bool) -> Tensor {
    tensor(name, proto::BOOL, dims, (0..dims.iter().product()).map(|i| value(i).into()).collect())
}

pub fn integers(name: &str, dims: &[usize], values: &[i64]) -> Tensor {
    tensor(name, proto::INT64, dims, values.iter().flat_map(|x| x.to_le_bytes()).collect())
}

/// An attribute, as `name=value`: an integer, integers with commas, or a word.
fn attribute(text: &str) -> Attribute {
    let (name, value) = text.split_once('=').expect("a value");
    let own = Attribute { name: Some(name.into()), ..Attribute::default() };
    let numbers: Option<Vec<i64>> = value.split(',').map(|number| number.parse().ok()).collect();
    match numbers {
        Some(ints) if value.contains(',') => Attribute { ints, r#type: Some(Attribute::INTS), ..own },
        Some(ints) => Attribute { i: Some(ints[0]), r#type: Some(Attribute::INT), ..own },
        None => Attribute { s: Some(value.into()), r#type: Some(Attribute::STRING), ..own },
    }
}

/// A node, in a line: `output = Operator inputs.. {attributes..}`.
fn node(line: &str) -> Node {
    let (output, rest) = line.split_once(" = ").expect("an output");
    let (rest, attributes) = rest.split_once(" {").unwrap_or((rest, "}"));
    let (operator, inputs) = rest.split_once(' ').expect("inputs");
    let to = format!("to={}", proto::FLOAT);
    let usual = Some(to.as_str()).filter(|_| operator == "Cast");
    Node {
        input: inputs.split(", ").map(Into::into).collect(),
        output: vec![output.into()],
        op_type: Some(operator.into()),
        attribute: attributes.trim_end_matches('}').split_whitespace().chain(usual).map(attribute).collect(),
        ..Node::default()
    }
}

/// A tensor: its dimensions and its values.
pub type Values = (Vec<usize>, Vec<f32>);

/// What the lines make of the input `x`, by all engines and plans, is `y`. Returns how many answers were compared.
pub fn check(lines: &[&str], initializer: Vec<Tensor>, x: &Values, y: Values) -> usize {
    let graph = Graph {
        node: lines.iter().map(|line| node(line)).collect(),
        initializer,
        input: vec![info("x", &x.0)],
        output: vec![info("y", &y.0)],
        ..Graph::default()
    };
    let opset_import = vec![OperatorSet { domain: None, version: Some(19) }];
    let model = Model { graph: Some(graph), opset_import, ..Model::default() };
    let imported = onnx_bytes(Path::new("model.onnx"), &model.encode_to_vec(), &ImportOptions::default());
    let imported = imported.unwrap_or_else(|e| panic!("{lines:?}: {e}"));
    let answers = vec![(imported.interface.outputs[0].clone(), question::Tensor { dims: y.0, values: y.1 })];
    let images = vec![imported.interface.inputs[0].map_of(&x.1)];
    let question = Question { network: imported.network, weights: imported.weights, images, answers };
    question.check(1e-6).unwrap_or_else(|why| panic!("{lines:?}: {why}"))
}
