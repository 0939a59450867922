//! Elementwise operators on constants.

use super::super::constant::{Constant, Data};
use super::super::dims::{broadcast, count, repeated};
use super::super::function::{OPERATORS, function as activation_of};
use super::super::node::{NodeReader, Result};

/// The value of a node; `None` if its operator is not elementwise.
pub fn fold(node: &NodeReader<'_>, operator: &str) -> Option<Result<Constant>> {
    if let Some((floats, integers)) = arithmetic(operator) {
        return Some(many(node, floats, integers));
    }
    if operator == "Mod" {
        return Some(remainder(node));
    }
    if let Some((floats, integers)) = comparison(operator) {
        return Some(compare(node, floats, integers));
    }
    if let Some(function) = function(operator) {
        return Some(each(node, function));
    }
    match operator {
        "Neg" | "Abs" => Some(signed(node, operator)),
        "Not" => Some(not(node)),
        "And" => Some(logic(node, |a, b| a && b)),
        "Or" => Some(logic(node, |a, b| a || b)),
        "Xor" => Some(logic(node, |a, b| a != b)),
        "Where" => Some(choose(node)),
        "Clip" if node.needed(0).is_ok_and(|x| x.as_integers().is_some()) => Some(clip_integers(node)),
        operator if OPERATORS.contains(&operator) => Some(activation(node)),
        _ => None,
    }
}

type OnFloats = fn(f32, f32) -> f32;
type OnIntegers = fn(i64, i64) -> Option<i64>;

fn arithmetic(operator: &str) -> Option<(OnFloats, OnIntegers)> {
    Some(match operator {
        "Add" | "Sum" => (|a, b| a + b, i64::checked_add),
        "Sub" => (|a, b| a - b, i64::checked_sub),
        "Mul" => (|a, b| a * b, i64::checked_mul),
        "Div" => (|a, b| a / b, i64::checked_div),
        "Min" => (|a, b| if a.is_nan() || a < b { a } else { b }, |a, b| Some(a.min(b))),
        "Max" => (|a, b| if a.is_nan() || a > b { a } else { b }, |a, b| Some(a.max(b))),
        "Pow" => (f32::powf, |a, b| u32::try_from(b).ok().and_then(|b| a.checked_pow(b))),
        _ => return None,
    })
}

type ComparesFloats = fn(f32, f32) -> bool;
type ComparesIntegers = fn(i64, i64) -> bool;

fn comparison(operator: &str) -> Option<(ComparesFloats, ComparesIntegers)> {
    Some(match operator {
        "Equal" => (|a, b| a == b, |a, b| a == b),
        "Less" => (|a, b| a < b, |a, b| a < b),
        "LessOrEqual" => (|a, b| a <= b, |a, b| a <= b),
        "Greater" => (|a, b| a > b, |a, b| a > b),
        "GreaterOrEqual" => (|a, b| a >= b, |a, b| a >= b),
        _ => return None,
    })
}

fn function(operator: &str) -> Option<fn(f32) -> f32> {
    Some(match operator {
        "Floor" => f32::floor,
        "Ceil" => f32::ceil,
        "Round" => f32::round_ties_even,
        "Sin" => f32::sin,
        "Cos" => f32::cos,
        "Sign" => |x| if x == 0.0 { 0.0 } else { x.signum() },
        _ => return None,
    })
}

/// What is left of a division whose quotient is rounded down, or to zero if `fmod` says so.
fn remainder(node: &NodeReader<'_>) -> Result<Constant> {
    if node.int("fmod")?.unwrap_or(0) != 0 {
        return many(node, |a, b| a % b, i64::checked_rem);
    }
    let down = |a: i64, b: i64| a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest });
    many(node, |a, b| if (a % b != 0.0) && (a < 0.0) != (b < 0.0) { a % b + b } else { a % b }, down)
}

fn many(node: &NodeReader<'_>, floats: OnFloats, integers: OnIntegers) -> Result<Constant> {
    let mut result = (**node.needed(0)?).clone();
    for index in 1..node.inputs().len() {
        let (a, b) = (&result, node.needed(index)?);
        let dims = broadcast(&a.dims, &b.dims)?;
        count(&dims)?;
        let places = repeated(&a.dims, &dims).zip(repeated(&b.dims, &dims));
        let data = match (&a.data, &b.data) {
            (Data::Floats(a), Data::Floats(b)) => Data::Floats(places.map(|(i, j)| floats(a[i], b[j])).collect()),
            (Data::Floats(a), Data::Integers(b)) if node.operator() == "Pow" => {
                Data::Floats(places.map(|(i, j)| floats(a[i], b[j] as f32)).collect())
            }
            (Data::Integers(a), Data::Integers(b)) => {
                let values: Option<_> = places.map(|(i, j)| integers(a[i], b[j])).collect();
                Data::Integers(values.ok_or("its integers overflow, or are divided by zero")?)
            }
            _ => return Err(format!("its inputs are {} and {}", a.data.kind(), b.data.kind())),
        };
        result = Constant { dims, data };
    }
    Ok(result)
}

fn compare(node: &NodeReader<'_>, floats: ComparesFloats, integers: ComparesIntegers) -> Result<Constant> {
    let (a, b) = (node.needed(0)?, node.needed(1)?);
    let dims = broadcast(&a.dims, &b.dims)?;
    count(&dims)?;
    let places = repeated(&a.dims, &dims).zip(repeated(&b.dims, &dims));
    let values = match (&a.data, &b.data) {
        (Data::Floats(a), Data::Floats(b)) => places.map(|(i, j)| floats(a[i], b[j])).collect(),
        (Data::Integers(a), Data::Integers(b)) => places.map(|(i, j)| integers(a[i], b[j])).collect(),
        (Data::Booleans(a), Data::Booleans(b)) => places.map(|(i, j)| integers(a[i].into(), b[j].into())).collect(),
        _ => return Err(format!("its inputs are {} and {}", a.data.kind(), b.data.kind())),
    };
    Ok(Constant { dims, data: Data::Booleans(values) })
}

fn each(node: &NodeReader<'_>, function: fn(f32) -> f32) -> Result<Constant> {
    let values = node.floats(0)?.iter().map(|&x| function(x)).collect();
    Ok(Constant::floats(node.needed(0)?.dims.clone(), values))
}

/// An activation, in f64.
fn activation(node: &NodeReader<'_>) -> Result<Constant> {
    node.skip(&["consumed_inputs"]);
    let (x, dims) = (node.floats(0)?, node.needed(0)?.dims.clone());
    let values = match activation_of(node)? {
        Some(function) => x.iter().map(|&x| function.at(x.into()) as f32).collect(),
        None => x.to_vec(),
    };
    Ok(Constant::floats(dims, values))
}

fn clip_integers(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let bound = |index: usize, none: i64| -> Result<i64> {
        Ok(node.integers(index)?.map_or(none, |values| values.first().copied().unwrap_or(none)))
    };
    let (low, high) = (bound(1, i64::MIN)?, bound(2, i64::MAX)?);
    let values = x.as_integers().unwrap_or_default().iter().map(|&x| x.max(low).min(high)).collect();
    Ok(Constant { dims: x.dims.clone(), data: Data::Integers(values) })
}

fn signed(node: &NodeReader<'_>, operator: &str) -> Result<Constant> {
    let x = node.needed(0)?;
    let data = match (&x.data, operator) {
        (Data::Floats(values), "Neg") => Data::Floats(values.iter().map(|x| -x).collect()),
        (Data::Floats(values), _) => Data::Floats(values.iter().map(|x| x.abs()).collect()),
        (Data::Integers(values), "Neg") => Data::Integers(values.iter().map(|x| x.wrapping_neg()).collect()),
        (Data::Integers(values), _) => Data::Integers(values.iter().map(|x| x.wrapping_abs()).collect()),
        (Data::Booleans(_), _) => return Err("its input is booleans".into()),
    };
    Ok(Constant { dims: x.dims.clone(), data })
}

fn booleans<'a>(node: &'a NodeReader<'_>, index: usize) -> Result<(&'a [usize], &'a [bool])> {
    let x = node.needed(index)?;
    match &x.data {
        Data::Booleans(values) => Ok((&x.dims, values)),
        other => Err(format!("input {index} holds {}, and must hold booleans", other.kind())),
    }
}

fn not(node: &NodeReader<'_>) -> Result<Constant> {
    let (dims, values) = booleans(node, 0)?;
    Ok(Constant { dims: dims.to_vec(), data: Data::Booleans(values.iter().map(|x| !x).collect()) })
}

fn logic(node: &NodeReader<'_>, function: fn(bool, bool) -> bool) -> Result<Constant> {
    let ((a_dims, a), (b_dims, b)) = (booleans(node, 0)?, booleans(node, 1)?);
    let dims = broadcast(a_dims, b_dims)?;
    count(&dims)?;
    let values = repeated(a_dims, &dims).zip(repeated(b_dims, &dims)).map(|(i, j)| function(a[i], b[j])).collect();
    Ok(Constant { dims, data: Data::Booleans(values) })
}

fn choose(node: &NodeReader<'_>) -> Result<Constant> {
    let ((dims, chosen), a, b) = (booleans(node, 0)?, node.needed(1)?, node.needed(2)?);
    let all = broadcast(&broadcast(dims, &a.dims)?, &b.dims)?;
    count(&all)?;
    let places = repeated(dims, &all).zip(repeated(&a.dims, &all).zip(repeated(&b.dims, &all)));
    macro_rules! pick {
        ($kind:ident, $a:expr, $b:expr) => {
            Data::$kind(places.map(|(c, (i, j))| if chosen[c] { $a[i] } else { $b[j] }).collect())
        };
    }
    let data = match (&a.data, &b.data) {
        (Data::Floats(a), Data::Floats(b)) => pick!(Floats, a, b),
        (Data::Integers(a), Data::Integers(b)) => pick!(Integers, a, b),
        (Data::Booleans(a), Data::Booleans(b)) => pick!(Booleans, a, b),
        _ => return Err(format!("its inputs are {} and {}", a.data.kind(), b.data.kind())),
    };
    Ok(Constant { dims: all, data })
}
