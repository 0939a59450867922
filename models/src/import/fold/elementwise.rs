//! Elementwise operators on constants.

use super::super::constant::{Constant, Data};
use super::super::dims::{broadcast, count, repeated};
use super::super::node::{NodeReader, Result};

/// The value of a node; `None` if its operator is not elementwise.
pub fn fold(node: &NodeReader<'_>, operator: &str) -> Option<Result<Constant>> {
    if let Some((floats, integers)) = arithmetic(operator) {
        return Some(many(node, floats, integers));
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
        "Where" => Some(choose(node)),
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
        "Mod" => (|a, b| a % b, |a, b| a.checked_rem_euclid(b)),
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
        "Sqrt" => f32::sqrt,
        "Exp" => f32::exp,
        "Log" => f32::ln,
        "Floor" => f32::floor,
        "Ceil" => f32::ceil,
        "Round" => f32::round_ties_even,
        "Reciprocal" => |x| 1.0 / x,
        "Relu" => |x| x.max(0.0),
        "Sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
        "Tanh" => f32::tanh,
        _ => return None,
    })
}

fn many(node: &NodeReader<'_>, floats: OnFloats, integers: OnIntegers) -> Result<Constant> {
    node.skip(&["fmod"]);
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
