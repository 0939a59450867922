//! A node of a file, with its attributes and inputs.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::constant::Constant;
use super::value::Value;
use crate::escape::line;
use crate::proto::{self, Attribute};

/// What is wrong with a node: which attribute or input has which value, and what to do.
pub type Result<T> = std::result::Result<T, String>;

/// A node. It remembers which attributes were read, so that none is ignored.
pub struct NodeReader<'a> {
    /// The version of ONNX's operators.
    pub opset: i64,
    node: &'a proto::Node,
    inputs: Vec<Value>,
    types: &'a HashMap<String, i32>,
    read: RefCell<HashSet<&'a str>>,
}

impl<'a> NodeReader<'a> {
    /// A node whose inputs have these values. `types` are those that are known of tensors' elements.
    pub fn new(node: &'a proto::Node, opset: i64, inputs: Vec<Value>, types: &'a HashMap<String, i32>) -> Self {
        Self { opset, node, inputs, types, read: RefCell::new(HashSet::new()) }
    }

    /// The same node with other inputs.
    pub fn with_inputs(&self, inputs: Vec<Value>) -> Self {
        Self::new(self.node, self.opset, inputs, self.types)
    }

    /// The operator.
    pub fn operator(&self) -> &'a str {
        self.node.op_type.as_deref().unwrap_or("")
    }

    /// The name of an output, which may be empty.
    pub fn output(&self, index: usize) -> &'a str {
        self.node.output.get(index).map_or("", String::as_str)
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.node.output.len()
    }

    /// The inputs. Those that are left out are [`Value::Absent`].
    pub fn inputs(&self) -> &[Value] {
        &self.inputs
    }

    /// An input; [`Value::Absent`] if there is none.
    pub fn input(&self, index: usize) -> &Value {
        self.inputs.get(index).unwrap_or(&Value::Absent)
    }

    /// The type of an input's elements, if it stands in the file itself.
    pub fn element_type(&self, index: usize) -> Option<i32> {
        self.types.get(self.node.input.get(index)?).copied()
    }

    /// A constant input; `None` if there is none.
    pub fn constant(&self, index: usize) -> Result<Option<&Rc<Constant>>> {
        match self.input(index) {
            Value::Absent => Ok(None),
            Value::Constant(constant) => Ok(Some(constant)),
            _ => Err(format!("input {index} is computed by the network, and must be a constant")),
        }
    }

    /// A constant input that must be there.
    pub fn needed(&self, index: usize) -> Result<&Rc<Constant>> {
        self.constant(index)?.ok_or_else(|| format!("input {index} is missing"))
    }

    /// A constant input of floats.
    pub fn floats(&self, index: usize) -> Result<&[f32]> {
        self.needed(index)?.expect_floats(&format!("input {index}"))
    }

    /// A constant input of integers; `None` if there is none.
    pub fn integers(&self, index: usize) -> Result<Option<Vec<i64>>> {
        let Some(constant) = self.constant(index)? else { return Ok(None) };
        let values = constant.as_integers().map(<[i64]>::to_vec);
        values.map(Some).ok_or_else(|| format!("input {index} holds {}, and must hold integers", constant.data.kind()))
    }

    /// Integers that older versions have as an attribute and newer ones as an input.
    pub fn integers_or_attribute(&self, index: usize, name: &'static str) -> Result<Option<Vec<i64>>> {
        match self.ints(name)? {
            Some(values) => Ok(Some(values)),
            None => self.integers(index),
        }
    }

    fn attribute(&self, name: &'static str) -> Option<&'a Attribute> {
        self.read.borrow_mut().insert(name);
        self.node.attribute.iter().find(|attribute| attribute.name() == name)
    }

    fn typed<T>(&self, name: &'static str, of: i32, what: &str, get: impl Fn(&'a Attribute) -> T) -> Result<Option<T>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(attribute) if attribute.r#type.is_none_or(|found| found == of || found == 0) => Ok(Some(get(attribute))),
            Some(attribute) => Err(format!("{name} is an attribute of type {}, and must be {what}", attribute.r#type())),
        }
    }

    /// An integer.
    pub fn int(&self, name: &'static str) -> Result<Option<i64>> {
        self.typed(name, Attribute::INT, "an integer", |attribute| attribute.i.unwrap_or(0))
    }

    /// Integers.
    pub fn ints(&self, name: &'static str) -> Result<Option<Vec<i64>>> {
        self.typed(name, Attribute::INTS, "a list of integers", |attribute| attribute.ints.clone())
    }

    /// A float.
    pub fn float(&self, name: &'static str) -> Result<Option<f32>> {
        self.typed(name, Attribute::FLOAT, "a float", |attribute| attribute.f.unwrap_or(0.0))
    }

    /// Floats.
    pub fn float_list(&self, name: &'static str) -> Result<Option<Vec<f32>>> {
        self.typed(name, Attribute::FLOATS, "a list of floats", |attribute| attribute.floats.clone())
    }

    /// A text.
    pub fn text(&self, name: &'static str) -> Result<Option<String>> {
        let text = |attribute: &Attribute| String::from_utf8_lossy(attribute.s.as_deref().unwrap_or(&[])).into_owned();
        self.typed(name, Attribute::STRING, "a text", text)
    }

    /// A tensor.
    pub fn tensor(&self, name: &'static str) -> Result<Option<&'a proto::Tensor>> {
        let tensor = self.typed(name, Attribute::TENSOR, "a tensor", |attribute| attribute.t.as_ref())?;
        Ok(tensor.flatten())
    }

    /// An axis of a tensor of `rank` dimensions. A negative number counts from the end.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let counted = if axis < 0 { axis + rank as i64 } else { axis };
        let found = usize::try_from(counted).ok().filter(|&axis| axis < rank);
        found.ok_or_else(|| format!("axis is {axis}, and the tensor has {rank} dimensions"))
    }

    /// Reads an attribute that only matters for training or is a hint.
    pub fn skip(&self, names: &[&'static str]) {
        for name in names {
            self.attribute(name);
        }
    }

    /// Refuses attributes that nobody has read.
    pub fn finish(&self) -> Result<()> {
        let read = self.read.borrow();
        match self.node.attribute.iter().find(|attribute| !read.contains(attribute.name())) {
            None => Ok(()),
            Some(attribute) => Err(format!(
                "attribute {} is not supported{}; export the network without it",
                line(attribute.name()),
                shown(attribute).map_or_else(String::new, |value| format!(" (it is {value})"))
            )),
        }
    }
}

/// An attribute's value, if it is short.
fn shown(attribute: &Attribute) -> Option<String> {
    const LONGEST: usize = 8;
    let text = |bytes: &[u8]| format!("'{}'", line(&String::from_utf8_lossy(&bytes[..bytes.len().min(64)])));
    match attribute.r#type() {
        Attribute::INT => attribute.i.map(|value| value.to_string()),
        Attribute::FLOAT => attribute.f.map(|value| value.to_string()),
        Attribute::STRING => attribute.s.as_deref().map(text),
        Attribute::INTS if attribute.ints.len() <= LONGEST => Some(format!("{:?}", attribute.ints)),
        Attribute::FLOATS if attribute.floats.len() <= LONGEST => Some(format!("{:?}", attribute.floats)),
        _ => None,
    }
}
