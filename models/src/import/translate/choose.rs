//! A choice between two tensors, element by element: what is kept of each, added. What is not chosen may be infinite or NaN.

use sartor_ops::Parameter;

use super::super::constant::Constant;
use super::super::dims::{broadcast, count, repeated};
use super::super::node::{NodeReader, Result};
use super::super::value::{Comparison, Computed, Condition, Region, Value};
use super::translator::Translator;
use crate::arithmetic::Arithmetic;
use crate::graph::Activation;

/// Where a tensor is chosen: where a map is above zero, or a constant is one.
enum Places {
    Map(Computed),
    Known(Constant),
}

/// What is kept of a tensor; elsewhere it is zero.
enum Part {
    Map(Computed),
    Known(Constant),
}

/// The choice that `Where` makes by a comparison.
pub fn by_mask(t: &mut Translator, node: &NodeReader<'_>, condition: &Condition) -> Result<Computed> {
    let name = node.output(0);
    let ending = |suffix: &str| format!("{name}.{suffix}");
    match (condition, node.input(1)) {
        // What is kept of a map is where another is above zero, without a mask.
        (Condition::Numbers(Comparison { x, region: Region::Above(0.0), nan: false }), Value::Computed(_)) => {
            let others = t.opposite(name, condition)?;
            both(t, node, Places::Map(x.clone()), |t| t.mask(&ending("others"), &others).map(Places::Map))
        }
        _ => {
            let mask = t.mask(&ending("chosen"), condition)?;
            both(t, node, Places::Map(mask.clone()), |t| t.complement(&ending("others"), &mask).map(Places::Map))
        }
    }
}

/// The choice that `Where` makes by constant booleans, as ones and zeros.
pub fn by_constant(t: &mut Translator, node: &NodeReader<'_>, chosen: Constant) -> Result<Computed> {
    let others = chosen.data.to_floats().into_iter().map(|x| 1.0 - x).collect();
    let others = Places::Known(Constant::floats(chosen.dims.clone(), others));
    both(t, node, Places::Known(chosen), |_| Ok(others))
}

/// The sum of what is kept of both branches.
fn both(
    t: &mut Translator,
    node: &NodeReader<'_>,
    chosen: Places,
    others: impl FnOnce(&mut Translator) -> Result<Places>,
) -> Result<Computed> {
    let name = node.output(0);
    let [first, second] = [1, 2].map(|index| node.input(index));
    let dims = |index: usize| node.input(index).dims().ok_or_else(|| format!("input {index} is missing"));
    let sizes = broadcast(&broadcast(&dims(0)?, &dims(1)?)?, &dims(2)?)?;
    let zero = |value: &Value| matches!(value, Value::Constant(constant) if constant.as_number() == Some(0.0));
    let found = match (zero(first), zero(second)) {
        (false, true) => t.kept(name, first, &chosen)?,
        (true, false) => {
            let others = others(t)?;
            t.kept(name, second, &others)?
        }
        _ => {
            let first = t.kept(&format!("{name}.first"), first, &chosen)?;
            let others = others(t)?;
            match (first, t.kept(&format!("{name}.second"), second, &others)?) {
                (Part::Map(a), Part::Map(b)) => Part::Map(t.meeting(name, Arithmetic::Add, &a, &b)?),
                (Part::Map(a), Part::Known(b)) | (Part::Known(b), Part::Map(a)) => {
                    Part::Map(t.against(name, Arithmetic::Add, &a, &b)?)
                }
                (known, Part::Known(_)) => known,
            }
        }
    };
    match found {
        Part::Map(map) if map.view.sizes() == sizes => Ok(map),
        Part::Map(map) => t.repeated(&format!("{name}.repeated"), &map, &sizes),
        Part::Known(_) => Err("all its inputs are constant".into()),
    }
}

impl Translator {
    /// What is kept of a branch.
    fn kept(&mut self, name: &str, branch: &Value, places: &Places) -> Result<Part> {
        Ok(match (branch, places) {
            (Value::Computed(x), Places::Map(map)) => {
                // It must be as large as the mask.
                let sizes = broadcast(&x.view.sizes(), &map.view.sizes())?;
                let x = if x.view.sizes() == sizes { x } else { &self.repeated(&format!("{name}.repeated"), x, &sizes)? };
                Part::Map(self.meeting(name, Arithmetic::Keep, x, map)?)
            }
            (Value::Computed(x), Places::Known(chosen)) => Part::Map(self.against(name, Arithmetic::Keep, x, chosen)?),
            (Value::Constant(constant), Places::Map(mask)) => {
                // A product would be NaN where it is not chosen.
                if constant.expect_floats("a branch")?.iter().any(|value| !value.is_finite()) {
                    return Err("a branch is a constant that is not finite everywhere; choose a large number instead".into());
                }
                Part::Map(match constant.as_number() {
                    Some(number) => {
                        let times = Activation::Affine(Parameter::new(number), Parameter::new(0.0));
                        Computed { node: self.activation(name, times, mask.node)?, view: mask.view.clone() }
                    }
                    None => self.against(name, Arithmetic::Mul, mask, constant)?,
                })
            }
            (Value::Constant(constant), Places::Known(chosen)) => {
                let values = constant.expect_floats("a branch")?;
                let mask = chosen.expect_floats("a mask")?;
                let sizes = broadcast(&constant.dims, &chosen.dims)?;
                self.make(count(&sizes)?)?;
                let places = repeated(&constant.dims, &sizes).zip(repeated(&chosen.dims, &sizes));
                let values = places.map(|(i, j)| if mask[j] == 0.0 { 0.0 } else { values[i] }).collect();
                Part::Known(Constant::floats(sizes, values))
            }
            _ => return Err("a branch must be a tensor of floats, and is missing or a comparison".into()),
        })
    }
}
