//! Writes the nodes of a file as operators of the graph.
//!
//! A computed tensor is a [`View`] of a map, so that operators which only change how a tensor is seen cost nothing.

mod activation;
mod branch;
mod channels;
mod choose;
mod condition;
mod constants;
mod conv;
mod depth;
mod einsum;
mod linear;
mod lp;
mod mask;
mod meet;
mod moved;
mod nd;
mod norm;
mod pad;
mod pairs;
mod pool;
mod power;
mod reduce;
mod refusals;
mod resize;
mod select;
mod shape;
mod softmax;
mod stand_in;
mod translator;

use std::collections::{HashMap, HashSet};

use super::constant::Constant;
use super::error::ImportError;
use super::fold::fold;
use super::imported::Imported;
use super::inputs::{self, Declared, Interface, Port};
use super::node::{NodeReader, Result};
use super::options::ImportOptions;
use super::read::Onnx;
use super::trace::{Fate, Trace};
use super::value::{Computed, Value};
use super::view::View;
use crate::escape;
use crate::graph::{Builder, GraphError, NodeId, Op, Shape};
use crate::proto;
use crate::weights::Weights;
use refusals::Refusals;
use translator::Translator;

/// Translates a file.
pub(super) fn translate(file: Onnx, options: &ImportOptions) -> std::result::Result<Imported, ImportError> {
    let (declared, batch) = inputs::inputs(&file, options)?;
    let path = file.path.clone();
    let graph_error = |source: GraphError| ImportError::Graph { path: path.clone(), source };
    let mut inputs = Vec::new();
    for Declared { name, dims } in declared {
        let (shape, view) = inputs::map_of(&dims, is_channels_last(&file.graph, &name)).ok_or_else(|| {
            let name = escape::line(&name);
            ImportError::Option(format!(
                "'{}': the dimensions of input '{name}' are {dims:?}, and at most three of them may be longer than one; give others by \
                 --input-shape",
                escape::path(&path)
            ))
        })?;
        inputs.push(Port { name, shape, view });
    }
    let title = path.file_stem().map_or_else(|| "network".into(), |stem| stem.to_string_lossy().into_owned());
    let mut translator = Translator {
        builder: Builder::new(title, all_of(&inputs)).map_err(graph_error)?,
        weights: Weights::default(),
        names: HashSet::from(["input".to_owned()]),
        opset: file.opset,
        batch,
        read: read_names(&file.graph),
        made: 0,
        lowest: HashMap::new(),
    };
    let weights: Vec<String> = file.initializers.keys().chain(file.missing.keys()).cloned().collect();
    let (mut values, random) = constants(file.initializers, file.missing, options, &path)?;
    let parts = translator.inputs(&inputs).map_err(|reason| ImportError::Format { path: path.clone(), reason })?;
    for (port, &node) in inputs.iter().zip(&parts) {
        values.insert(port.name.clone(), Value::Computed(Computed { node, view: port.view.clone() }));
    }
    let mut refusals = Refusals { found: Vec::new(), declared: stand_in::declared(&file.graph) };
    let mut trace = Trace { weights, ..Trace::default() };
    trace.weights.sort();
    translator.nodes(&file.graph.node, &file.types, &mut values, &mut refusals, &mut trace);
    if !refusals.found.is_empty() {
        return Err(ImportError::Unsupported { path, refusals: refusals.found });
    }
    trace.inputs = inputs.iter().zip(&parts).map(|(port, node)| (port.name.clone(), Fate::Map(*node, port.clone()))).collect();
    let (mut outputs, mut nodes) = (Vec::new(), Vec::new());
    for output in &file.graph.output {
        let fault = |reason: &str| ImportError::Format {
            path: path.clone(),
            reason: format!("output '{}' {reason}", escape::line(output.name())),
        };
        let Computed { node, view } = match values.get(output.name()) {
            Some(Value::Computed(computed)) if translator.lowest.contains_key(&computed.node) => {
                return Err(fault("is padded with minus infinity, and only a max pool can read that"));
            }
            // If its elements cannot be put in order, whoever reads the output must do it.
            Some(Value::Computed(computed)) => translator.output(&format!("{}.ordered", output.name()), computed),
            Some(Value::Constant(_)) if translator.batch > 1 => {
                return Err(fault("is the same for all images, and is not read beside a batch of several"));
            }
            // Boxes of a detector before they are moved, say.
            Some(Value::Constant(constant)) => {
                translator.held(output.name(), constant).map_err(|reason| fault(&format!("is constant: {reason}")))?
            }
            Some(Value::Condition(_)) => return Err(fault("is a comparison, and must be floats")),
            Some(Value::Absent | Value::Refused) | None => return Err(fault("is computed by no node")),
        };
        outputs.push(Port { name: output.name().into(), shape: translator.builder.shape(node), view });
        nodes.push(node);
    }
    let network = translator.builder.finish(&nodes).map_err(graph_error)?;
    Ok(Imported { network, weights: translator.weights, interface: Interface { inputs, outputs }, random, trace })
}

/// The map that holds all inputs one after another: channels behind channels where their rows and columns are as many, else one
/// channel for each element.
fn all_of(inputs: &[Port]) -> Shape {
    let Shape { h, w, .. } = inputs[0].shape;
    let total = |of: fn(&Port) -> usize| inputs.iter().fold(0_usize, |sum, port| sum.saturating_add(of(port)));
    if inputs.iter().all(|port| (port.shape.h, port.shape.w) == (h, w)) {
        Shape::new(total(|port| port.shape.c), h, w)
    } else {
        Shape::new(total(|port| port.shape.c.saturating_mul(port.shape.pixels())), 1, 1)
    }
}

/// The names that are read in a graph, and in those inside, and that it returns.
fn read_names(graph: &proto::Graph) -> HashSet<String> {
    let outputs = graph.output.iter().map(|output| output.name().to_owned());
    let inside = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.g.as_deref());
    let names = graph.node.iter().flat_map(|node| node.input.iter().cloned()).chain(outputs).chain(inside.flat_map(read_names));
    names.filter(|name| !name.is_empty()).collect()
}

/// Whether all readers of the input transpose it from NHWC to NCHW.
fn is_channels_last(graph: &proto::Graph, input: &str) -> bool {
    let mut readers = graph.node.iter().filter(|node| node.input.iter().any(|name| name == input)).peekable();
    let turns = |node: &proto::Node| {
        node.op_type() == "Transpose" && node.attribute.iter().any(|perm| perm.name() == "perm" && perm.ints == [0, 3, 1, 2])
    };
    readers.peek().is_some() && readers.all(turns)
}

/// The initializers as values. Those of missing files are zeros if random weights will replace them; then the second result is true.
fn constants(
    initializers: HashMap<String, Constant>,
    missing: HashMap<String, Vec<usize>>,
    options: &ImportOptions,
    path: &std::path::Path,
) -> std::result::Result<(HashMap<String, Value>, bool), ImportError> {
    let random = !missing.is_empty();
    let mut values: HashMap<String, Value> = initializers.into_iter().map(|(name, constant)| (name, constant.into())).collect();
    let mut missing: Vec<(String, Vec<usize>)> = missing.into_iter().collect();
    missing.sort();
    for (name, dims) in missing {
        if options.random_weights.is_none() {
            let reason = format!("the file that holds tensor '{}' is missing; put it beside the model", escape::line(&name));
            return Err(ImportError::Format { path: path.into(), reason });
        };
        let count = super::dims::count(&dims).map_err(|reason| ImportError::Format { path: path.into(), reason })?;
        values.insert(name, Constant::floats(dims, vec![0.0; count]).into());
    }
    Ok((values, random))
}

/// What a node became, and whether that is all that the file asks for.
struct Translated {
    values: Vec<Value>,
    verdict: Result<()>,
}

impl Translator {
    /// The nodes that are the inputs: the network's, or parts of it.
    fn inputs(&mut self, inputs: &[Port]) -> Result<Vec<NodeId>> {
        let all = self.builder.input();
        if inputs.len() == 1 {
            return Ok(vec![all]);
        }
        let pixels = self.shape(all).pixels();
        let mut begin = 0;
        let part = |port: &Port| {
            let len = port.shape.len() / pixels;
            let slice = self.add(&port.name, Op::Slice { begin, len }, &[all])?;
            begin += len;
            if self.shape(slice) == port.shape { Ok(slice) } else { self.reshaped(&port.name, slice, port.shape) }
        };
        inputs.iter().map(part).collect()
    }

    /// Translates or folds a node, and notes what it was refused for.
    fn node(
        &mut self,
        node: &proto::Node,
        types: &HashMap<String, i32>,
        values: &mut HashMap<String, Value>,
        refusals: &mut Refusals,
    ) {
        let mut refuse = |reason: String| refusals.add(node, reason);
        let value = |name: &String| match name.as_str() {
            "" => Some(Value::Absent),
            name => values.get(name).cloned(),
        };
        // Nothing can read what has no name.
        if node.output.iter().all(String::is_empty) {
            return;
        }
        let inputs: Option<Vec<Value>> = node.input.iter().map(value).collect();
        let first = inputs.as_ref().and_then(|inputs| inputs.first()).cloned();
        let results = match inputs {
            None => {
                refuse("an input is computed by no node before it; the file's nodes must be in order".into());
                None
            }
            Some(_) if !matches!(node.domain(), "" | "ai.onnx") => {
                refuse(format!("operators of the domain {} are not supported; export the network without them", node.domain()));
                None
            }
            // What was refused before is no new reason, but all operators that are unknown are listed.
            Some(inputs) if inputs.iter().any(|input| matches!(input, Value::Refused)) => {
                if family(node.op_type()).is_none() {
                    refuse(unknown());
                }
                None
            }
            Some(inputs) => match self.values(&NodeReader::new(node, self.opset, inputs, types)) {
                Ok(Translated { values, verdict }) => {
                    verdict.unwrap_or_else(refuse);
                    Some(values)
                }
                Err(reason) => {
                    refuse(reason);
                    None
                }
            },
        };
        let results = results.unwrap_or_else(|| {
            let stand_in = |(index, _)| stand_in::value(self, node, index, first.as_ref(), &refusals.declared);
            node.output.iter().enumerate().map(stand_in).collect()
        });
        let mut results = results.into_iter();
        for output in &node.output {
            let value = results.next().unwrap_or(Value::Refused);
            if !output.is_empty() && values.insert(output.clone(), value).is_some() {
                refusals.add(node, format!("another node computes '{output}' too"));
            }
        }
    }

    /// The values of a node's outputs.
    fn values(&mut self, node: &NodeReader<'_>) -> Result<Translated> {
        let constant = node.inputs().iter().all(|input| matches!(input, Value::Absent | Value::Constant(_)));
        if constant && let Some(values) = fold(node, &mut |products| self.make(products))? {
            self.make(values.iter().map(|constant| constant.data.len()).sum())?;
            return Ok(Translated { values: values.into_iter().map(Value::from).collect(), verdict: node.finish() });
        }
        let is_lowest = |value: &Value| matches!(value, Value::Computed(computed) if self.lowest.contains_key(&computed.node));
        if node.operator() != "MaxPool" && node.inputs().iter().any(is_lowest) {
            return Err("it reads a map that is padded with minus infinity, and only a max pool can".into());
        }
        // What is not computed here is left to the network.
        if constant
            && family(node.operator()).is_some()
            && let Some((Value::Constant(first), others)) = node.inputs().split_first()
        {
            let held = self.held(&format!("{}.source", node.output(0)), first)?;
            return self.values(&node.with_inputs([&[Value::Computed(held)], others].concat()));
        }
        let before = self.builder.len();
        let values = match self.translated(node) {
            Err(reason) => {
                // What it made still counts: many nodes may fail. Tensors that lie in memory in some other order are copied, and then it may be
                // supported.
                self.truncate(before);
                let inputs = self.in_order(node).ok_or(reason)?;
                return self.values(&node.with_inputs(inputs));
            }
            Ok(values) => values,
        };
        let verdict = node.finish().and_then(|()| self.check(node, &values));
        Ok(Translated { values, verdict })
    }

    /// Refuses a node whose values are not all that the file asks for.
    fn check(&self, node: &NodeReader<'_>, values: &[Value]) -> Result<()> {
        if self.batch > 1 && moves_batch(node, values) {
            return Err(format!(
                "it mixes the {} images of the batch that the file declares; give the input a batch of 1 by --input-shape",
                self.batch
            ));
        }
        let extra = (values.len()..node.outputs()).find(|&index| self.read.contains(node.output(index)));
        match extra {
            Some(index) => Err(format!("output {index} ('{}') is not supported", node.output(index))),
            None => Ok(()),
        }
    }

    /// The inputs of a node, those copied that lie in memory in another order than the usual one; `None` if there are none.
    fn in_order(&mut self, node: &NodeReader<'_>) -> Option<Vec<Value>> {
        let mut is_other = false;
        let mut inputs = Vec::new();
        for value in node.inputs() {
            inputs.push(match value {
                Value::Computed(computed) if !self.is_usual(computed) => {
                    let Ok(copied) = self.in_usual_order(&format!("{}.copied", node.output(0)), computed) else { return None };
                    is_other = true;
                    Value::Computed(copied)
                }
                value => value.clone(),
            });
        }
        is_other.then_some(inputs)
    }

    fn is_usual(&self, computed: &Computed) -> bool {
        let rank = computed.view.rank();
        (2..=4).contains(&rank) && computed.view == View::usual(self.shape(computed.node), rank)
    }

    fn translated(&mut self, node: &NodeReader<'_>) -> Result<Vec<Value>> {
        let family = family(node.operator()).ok_or_else(unknown)?;
        family(self, node)
    }
}

/// Whether the first dimension, which is the batch, is another one in the result, or is reduced.
fn moves_batch(node: &NodeReader<'_>, values: &[Value]) -> bool {
    let is_first = |axis: i64, rank: usize| axis == 0 || axis == -(rank as i64);
    let rank = node.input(0).dims().map_or(0, |dims| dims.len());
    let axis = node.int("axis").ok().flatten();
    let axes = node.integers_or_attribute(1, "axes").ok().flatten();
    let elsewhere =
        |value: &Value| !matches!(value, Value::Constant(_)) && value.dims().is_some_and(|dims| dims.first() != Some(&1));
    match node.operator() {
        "Shape" | "Size" => false,
        "Flatten" => axis.is_some_and(|axis| is_first(axis, rank)) || values.iter().any(elsewhere),
        "Transpose" => node.ints("perm").ok().flatten().is_none_or(|perm| perm.first() != Some(&0)),
        "Concat" | "Split" | "Softmax" | "LogSoftmax" | "LayerNormalization" => axis.is_some_and(|axis| is_first(axis, rank)),
        operator if operator.starts_with("Reduce") => axes.is_none_or(|axes| axes.iter().any(|&axis| is_first(axis, rank))),
        _ => values.iter().any(elsewhere),
    }
}

/// Translates a node whose operator is one of the family's.
type Translate = fn(&mut Translator, &NodeReader<'_>) -> Result<Vec<Value>>;

/// The families of operators, each with those that it takes.
const FAMILIES: [(&[&str], Translate); 19] = [
    (shape::OPERATORS, shape::translate),
    (conv::OPERATORS, conv::translate),
    (activation::OPERATORS, activation::translate),
    (pairs::OPERATORS, pairs::translate),
    (condition::OPERATORS, condition::translate),
    (norm::OPERATORS, norm::translate),
    (linear::OPERATORS, linear::translate),
    (einsum::OPERATORS, einsum::translate),
    (pool::OPERATORS, pool::translate),
    (lp::OPERATORS, lp::translate),
    (power::OPERATORS, power::translate),
    (reduce::OPERATORS, reduce::translate),
    (channels::OPERATORS, channels::translate),
    (nd::OPERATORS, nd::translate),
    (depth::OPERATORS, depth::translate),
    (pad::OPERATORS, pad::translate),
    (resize::OPERATORS, resize::translate),
    (softmax::OPERATORS, softmax::translate),
    (branch::OPERATORS, branch::translate),
];

/// What translates an operator.
fn family(operator: &str) -> Option<Translate> {
    FAMILIES.iter().find(|(operators, _)| operators.contains(&operator)).map(|(_, translate)| *translate)
}

fn unknown() -> String {
    "this operator is not supported; export the network without it, or only the part in front of it".into()
}
