//! What stands for the result of a node that is refused, so that the nodes behind it are judged too.

use std::collections::HashMap;

use super::super::dims::count;
use super::super::inputs::{map_of, sizes};
use super::super::value::{Computed, Value};
use super::translator::Translator;
use crate::graph::Op;
use crate::proto;

/// Operators whose result has the dimensions of their first input, whether they are supported or not.
const LIKE_INPUT: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BatchNormalization",
    "Bernoulli",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "Cosh",
    "CumSum",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "MeanVarianceNormalization",
    "Mish",
    "Mod",
    "Neg",
    "PRelu",
    "Pow",
    "RMSNormalization",
    "Reciprocal",
    "Relu",
    "Round",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Trilu",
];

/// A map for one of the outputs of a refused node, if its dimensions are known.
pub fn value(
    t: &mut Translator,
    node: &proto::Node,
    output: usize,
    input: Option<&Value>,
    declared: &HashMap<String, Vec<usize>>,
) -> Value {
    let name = &node.output[output];
    let like_input = || match input {
        Some(Value::Computed(input)) if output == 0 && LIKE_INPUT.contains(&node.op_type()) => Some(input.view.sizes()),
        _ => None,
    };
    let Some(mut dims) = like_input().or_else(|| declared.get(name).cloned()) else { return Value::Refused };
    if let Some(first) = dims.first_mut().filter(|first| **first == t.batch) {
        *first = 1;
    }
    let map = count(&dims).ok().and_then(|_| map_of(&dims, false));
    let computed = map.and_then(|(shape, view)| Some(Computed { node: t.add(name, Op::Constant(shape), &[]).ok()?, view }));
    computed.map_or(Value::Refused, Value::Computed)
}

/// The dimensions of the floats between nodes, where the file says them. A batch without a size is one image.
pub fn declared(graph: &proto::Graph) -> HashMap<String, Vec<usize>> {
    let dims = |info: &proto::ValueInfo| {
        let tensor = info.tensor().filter(|tensor| proto::is_float(tensor.elem_type()))?;
        let dims: Option<Vec<usize>> = sizes(&tensor.shape.as_ref()?.dim).into_iter().collect();
        Some((info.name().to_owned(), dims?))
    };
    graph.value_info.iter().filter_map(dims).collect()
}
