//! Booleans that the network computes, as ones and zeros.

use sartor_ops::Parameter;

use super::super::constant::Constant;
use super::super::node::{NodeReader, Result};
use super::super::value::{Comparison, Computed, Condition, Region, Value};
use super::translator::Translator;
use crate::arithmetic::Arithmetic;
use crate::graph::Activation;

/// A comparison of two tensors.
pub fn compared(t: &mut Translator, node: &NodeReader<'_>) -> Result<Condition> {
    let op = match node.operator() {
        "Greater" => Arithmetic::Greater,
        "Less" => Arithmetic::Less,
        "LessOrEqual" => Arithmetic::AtMost,
        // Both together are equality.
        _ => Arithmetic::AtLeast,
    };
    let name = node.output(0);
    let mut by = |name: &str, op: Arithmetic| match (node.input(0), node.input(1)) {
        (Value::Computed(a), Value::Computed(b)) => t.meeting(name, op, a, b),
        (Value::Computed(x), Value::Constant(constant)) => t.against(name, op, x, constant),
        (Value::Constant(constant), Value::Computed(x)) => t.against(name, op.mirrored().unwrap_or(op), x, constant),
        _ => Err("its inputs must be tensors of floats, and one is missing or a comparison".into()),
    };
    if node.operator() != "Equal" {
        return by(name, op).map(Condition::Mask);
    }
    let least = by(&format!("{name}.least"), Arithmetic::AtLeast)?;
    let most = by(&format!("{name}.most"), Arithmetic::AtMost)?;
    t.meeting(name, Arithmetic::Mul, &least, &most).map(Condition::Mask)
}

/// `And`, `Or` or `Xor`.
pub fn joined(t: &mut Translator, node: &NodeReader<'_>) -> Result<Condition> {
    let name = node.output(0);
    let op = match node.operator() {
        "And" => Arithmetic::Mul,
        "Or" => Arithmetic::Max,
        _ => Arithmetic::Sub,
    };
    let mask = match (node.input(0), node.input(1)) {
        (Value::Condition(a), Value::Condition(b)) => {
            let a = t.mask(&format!("{name}.first"), a)?;
            let b = t.mask(&format!("{name}.second"), b)?;
            t.meeting(name, op, &a, &b)?
        }
        (Value::Condition(mask), Value::Constant(constant)) | (Value::Constant(constant), Value::Condition(mask)) => {
            let mask = t.mask(&format!("{name}.mask"), mask)?;
            let constant =
                constant.as_mask().ok_or_else(|| format!("it reads {}, and must read booleans", constant.data.kind()))?;
            t.against(name, op, &mask, &constant)?
        }
        _ => return Err("its inputs must be comparisons".into()),
    };
    if op != Arithmetic::Sub {
        return Ok(Condition::Mask(mask));
    }
    let node = t.activation(&format!("{name}.differs"), Activation::Abs, mask.node)?;
    Ok(Condition::Mask(Computed { node, view: mask.view }))
}

impl Translator {
    /// The opposite of a condition.
    pub(super) fn opposite(&mut self, name: &str, condition: &Condition) -> Result<Condition> {
        Ok(match condition {
            Condition::Numbers(comparison) => Condition::Numbers(comparison.others()),
            Condition::Mask(mask) => Condition::Mask(self.complement(name, mask)?),
        })
    }

    /// Ones where the other has zeros.
    pub(super) fn complement(&mut self, name: &str, mask: &Computed) -> Result<Computed> {
        let minus = Activation::Affine(Parameter::new(-1.0), Parameter::new(1.0));
        Ok(Computed { node: self.activation(name, minus, mask.node)?, view: mask.view.clone() })
    }

    /// A condition as ones and zeros.
    pub(super) fn mask(&mut self, name: &str, condition: &Condition) -> Result<Computed> {
        match condition {
            Condition::Mask(mask) => Ok(mask.clone()),
            Condition::Numbers(Comparison { x, region, nan: false }) => self.within(name, x, *region),
            // NaN is in no region.
            Condition::Numbers(Comparison { x, region, nan: true }) => {
                let others = self.within(&format!("{name}.others"), x, region.others())?;
                self.complement(name, &others)
            }
        }
    }

    /// Ones where a tensor is in a region.
    fn within(&mut self, name: &str, x: &Computed, region: Region) -> Result<Computed> {
        match region {
            Region::Above(limit) => self.beyond(name, x, limit, [Arithmetic::Greater, Arithmetic::AtLeast]),
            Region::UpTo(limit) => self.beyond(name, x, limit, [Arithmetic::AtMost, Arithmetic::Less]),
            Region::Outside(low, high) | Region::Between(low, high) => {
                let (first, second, op) = match region {
                    Region::Outside(..) => (Region::UpTo(low), Region::Above(high), Arithmetic::Max),
                    _ => (Region::Above(low), Region::UpTo(high), Arithmetic::Mul),
                };
                let first = self.within(&format!("{name}.low"), x, first)?;
                let second = self.within(&format!("{name}.high"), x, second)?;
                self.meeting(name, op, &first, &second)
            }
        }
    }

    /// A comparison with a limit, by the first operation; or by the second with the next number above, as denormal constants become zero.
    fn beyond(&mut self, name: &str, x: &Computed, limit: f32, ops: [Arithmetic; 2]) -> Result<Computed> {
        let (op, limit) = if limit.is_subnormal() { (ops[1], limit.next_up()) } else { (ops[0], limit) };
        self.against(name, op, x, &Constant::floats(Vec::new(), vec![limit]))
    }
}
