//! Operators that move elements of constants, or ask for their shape.

use super::super::constant::{Constant, Data};
use super::super::dims::{MOST, broadcast, count, repeated, reshaped, sliced, strides, walk};
use super::super::node::{NodeReader, Result};
use crate::proto;

/// The value of a node; `None` if its operator is another kind.
pub fn fold(node: &NodeReader<'_>, operator: &str) -> Option<Result<Constant>> {
    Some(match operator {
        "Identity" => whole(node),
        "Cast" => cast(node),
        "CastLike" => cast_like(node),
        "Shape" => shape(node),
        "Size" => whole(node).map(|x| Constant { dims: Vec::new(), ..Constant::integers(vec![x.data.len() as i64]) }),
        "Reshape" => reshape(node),
        "Flatten" => flatten(node),
        "Squeeze" | "Unsqueeze" => squeeze(node, operator == "Squeeze"),
        "Transpose" => transpose(node),
        "Concat" => concat(node),
        "Slice" => slice(node),
        "Gather" => gather(node),
        "Expand" => expand(node),
        "Tile" => tile(node),
        "Range" => range(node),
        "ConstantOfShape" => constant_of_shape(node),
        _ => return None,
    })
}

fn whole(node: &NodeReader<'_>) -> Result<Constant> {
    node.needed(0).map(|constant| (**constant).clone())
}

fn cast(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    node.skip(&["saturate"]);
    let to = node.int("to")?.ok_or("to is missing")?;
    let data = match to as i32 {
        proto::FLOAT | proto::DOUBLE => Data::Floats(x.data.to_floats()),
        proto::FLOAT16 => Data::Floats(x.data.to_floats().into_iter().map(|x| half::f16::from_f32(x).to_f32()).collect()),
        proto::BFLOAT16 => Data::Floats(x.data.to_floats().into_iter().map(|x| half::bf16::from_f32(x).to_f32()).collect()),
        proto::INT64 => Data::Integers(x.data.to_integers()),
        proto::INT32 => Data::Integers(x.data.to_integers().into_iter().map(|x: i64| (x as i32).into()).collect()),
        proto::BOOL => Data::Booleans(x.data.to_floats().into_iter().map(|x| x != 0.0).collect()),
        other => return Err(format!("to is {other}, and constants are cast to floats, int32, int64 and bool only")),
    };
    Ok(Constant { dims: x.dims.clone(), data })
}

fn cast_like(node: &NodeReader<'_>) -> Result<Constant> {
    node.skip(&["saturate", "round_mode"]);
    Ok(node.needed(0)?.as_kind_of(&node.needed(1)?.data))
}

/// The part of a list of dimensions that `Shape` asks for.
pub fn shape_of(node: &NodeReader<'_>, dims: &[usize]) -> Result<Constant> {
    let clamp = |at: i64| if at < 0 { at + dims.len() as i64 } else { at }.clamp(0, dims.len() as i64) as usize;
    let (start, end) = (clamp(node.int("start")?.unwrap_or(0)), clamp(node.int("end")?.unwrap_or(i64::MAX)));
    Ok(Constant::integers(dims[start..end.max(start)].iter().map(|&d| d as i64).collect()))
}

fn shape(node: &NodeReader<'_>) -> Result<Constant> {
    shape_of(node, &node.needed(0)?.dims)
}

fn reshape(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let asked = node.integers_or_attribute(1, "shape")?.ok_or("shape is missing")?;
    let dims = reshaped(&x.dims, &asked, node.int("allowzero")? == Some(1))?;
    Ok(Constant { dims, data: x.data.clone() })
}

fn flatten(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let axis = node.int("axis")?.unwrap_or(1);
    let axis = if axis == x.dims.len() as i64 { x.dims.len() } else { node.axis(axis, x.dims.len())? };
    Ok(Constant { dims: vec![count(&x.dims[..axis])?, count(&x.dims[axis..])?], data: x.data.clone() })
}

/// The dimensions after `Squeeze` or `Unsqueeze`.
pub fn squeezed(node: &NodeReader<'_>, dims: &[usize], squeeze: bool) -> Result<Vec<usize>> {
    let axes = node.integers_or_attribute(1, "axes")?;
    if !squeeze {
        let axes = axes.ok_or("axes are missing")?;
        let rank = dims.len() + axes.len();
        let axes = axes.iter().map(|&axis| node.axis(axis, rank)).collect::<Result<Vec<usize>>>()?;
        let mut rest = dims.iter();
        let dim = |i: usize| if axes.contains(&i) { Some(1) } else { rest.next().copied() };
        return (0..rank).map(dim).collect::<Option<_>>().ok_or_else(|| format!("axes are {axes:?}, one of them twice"));
    }
    let Some(axes) = axes else { return Ok(dims.iter().copied().filter(|&d| d != 1).collect()) };
    let axes = axes.iter().map(|&axis| node.axis(axis, dims.len())).collect::<Result<Vec<usize>>>()?;
    match axes.iter().find(|&&axis| dims[axis] != 1) {
        Some(axis) => Err(format!("axes has {axis}, a dimension of length {}", dims[*axis])),
        None => Ok((0..dims.len()).filter(|i| !axes.contains(i)).map(|i| dims[i]).collect()),
    }
}

fn squeeze(node: &NodeReader<'_>, squeeze: bool) -> Result<Constant> {
    let x = node.needed(0)?;
    Ok(Constant { dims: squeezed(node, &x.dims, squeeze)?, data: x.data.clone() })
}

/// The order of dimensions that `Transpose` asks for.
pub fn permutation(node: &NodeReader<'_>, rank: usize) -> Result<Vec<usize>> {
    let Some(perm) = node.ints("perm")? else { return Ok((0..rank).rev().collect()) };
    let places: Vec<usize> = perm.iter().filter_map(|&p| usize::try_from(p).ok()).collect();
    let valid = perm.len() == rank && (0..rank).all(|i| places.contains(&i));
    if valid { Ok(places) } else { Err(format!("perm is {perm:?}, which is no order of {rank} dimensions")) }
}

fn transpose(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let perm = permutation(node, x.dims.len())?;
    let own = strides(&x.dims);
    let dims: Vec<usize> = perm.iter().map(|&p| x.dims[p]).collect();
    let steps = perm.iter().map(|&p| own[p]).collect();
    Ok(Constant { data: x.data.pick(walk(dims.clone(), steps, 0)), dims })
}

fn concat(node: &NodeReader<'_>) -> Result<Constant> {
    let parts = (0..node.inputs().len()).map(|i| node.needed(i)).collect::<Result<Vec<_>>>()?;
    let first = parts.first().ok_or("it has no inputs")?;
    let axis = node.axis(node.int("axis")?.unwrap_or(1), first.dims.len())?;
    let fits = |dims: &[usize]| dims.len() == first.dims.len() && (0..dims.len()).all(|i| i == axis || dims[i] == first.dims[i]);
    if let Some(other) = parts.iter().find(|part| !fits(&part.dims)) {
        return Err(format!("inputs of dimensions {:?} and {:?} do not fit", first.dims, other.dims));
    }
    let mut dims = first.dims.clone();
    dims[axis] = parts.iter().map(|part| part.dims[axis]).sum();
    count(&dims)?;
    let outer: usize = dims[..axis].iter().product();
    macro_rules! join {
        ($kind:ident, $empty:expr) => {{
            let mut all = $empty;
            for i in 0..outer {
                for part in &parts {
                    let Data::$kind(values) = &part.data else { return Err("inputs are of several types".into()) };
                    let len = values.len() / outer;
                    all.extend_from_slice(&values[i * len..][..len]);
                }
            }
            Data::$kind(all)
        }};
    }
    let data = match first.data {
        _ if outer == 0 => first.data.clone(),
        Data::Floats(_) => join!(Floats, Vec::new()),
        Data::Integers(_) => join!(Integers, Vec::new()),
        Data::Booleans(_) => join!(Booleans, Vec::new()),
    };
    Ok(Constant { dims, data })
}

/// What `Slice` takes of each dimension: first place, number, step.
pub fn slices(node: &NodeReader<'_>, dims: &[usize]) -> Result<Vec<(usize, usize, i64)>> {
    let starts = node.integers_or_attribute(1, "starts")?.ok_or("starts are missing")?;
    let ends = node.integers_or_attribute(2, "ends")?.ok_or("ends are missing")?;
    let axes = node.integers_or_attribute(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = node.integers(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(format!(
            "starts, ends, axes and steps have {}, {}, {} and {} numbers",
            starts.len(),
            ends.len(),
            axes.len(),
            steps.len()
        ));
    }
    let mut all: Vec<(usize, usize, i64)> = dims.iter().map(|&dim| (0, dim, 1)).collect();
    for i in 0..starts.len() {
        let axis = node.axis(axes[i], dims.len())?;
        all[axis] = sliced(dims[axis], starts[i], ends[i], steps[i])?;
    }
    Ok(all)
}

fn slice(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let slices = slices(node, &x.dims)?;
    let own = strides(&x.dims);
    let dims: Vec<usize> = slices.iter().map(|&(_, len, _)| len).collect();
    let places = (0..count(&dims)?).map(|i| {
        let (mut rest, mut at) = (i, 0);
        for (axis, &(first, len, step)) in slices.iter().enumerate().rev() {
            at += (first as i64 + (rest % len) as i64 * step) as usize * own[axis];
            rest /= len;
        }
        at
    });
    Ok(Constant { data: x.data.pick(places), dims })
}

fn gather(node: &NodeReader<'_>) -> Result<Constant> {
    let (x, indices) = (node.needed(0)?, node.needed(1)?);
    let axis = node.axis(node.int("axis")?.unwrap_or(0), x.dims.len())?;
    let wanted = node.integers(1)?.unwrap_or_default();
    let wanted = wanted.iter().map(|&i| node.axis(i, x.dims[axis])).collect::<Result<Vec<usize>>>();
    let wanted = wanted.map_err(|_| format!("indices reach beyond the {} places of axis {axis}", x.dims[axis]))?;
    let (outer, inner): (usize, usize) = (x.dims[..axis].iter().product(), x.dims[axis + 1..].iter().product());
    let dims = [&x.dims[..axis], &indices.dims, &x.dims[axis + 1..]].concat();
    count(&dims)?;
    let length = x.dims[axis];
    let places =
        (0..outer).flat_map(|o| wanted.iter().flat_map(move |&place| (0..inner).map(move |i| (o * length + place) * inner + i)));
    Ok(Constant { data: x.data.pick(places), dims })
}

fn expand(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let shape = node.integers(1)?.ok_or("shape is missing")?;
    let shape = shape.iter().map(|&d| usize::try_from(d)).collect::<std::result::Result<Vec<_>, _>>();
    let dims = broadcast(&x.dims, &shape.map_err(|_| "shape has a negative number")?)?;
    count(&dims)?;
    Ok(Constant { data: x.data.pick(repeated(&x.dims, &dims)), dims })
}

fn tile(node: &NodeReader<'_>) -> Result<Constant> {
    let x = node.needed(0)?;
    let repeats = node.integers(1)?.ok_or("repeats are missing")?;
    if repeats.len() != x.dims.len() || repeats.iter().any(|&r| r < 0) {
        return Err(format!("repeats are {repeats:?}, for a tensor of dimensions {:?}", x.dims));
    }
    let dims: Option<Vec<usize>> = x.dims.iter().zip(&repeats).map(|(d, &r)| d.checked_mul(r as usize)).collect();
    let dims = dims.ok_or("the result is too large")?;
    let own = strides(&x.dims);
    let places = (0..count(&dims)?).map(|i| {
        let (mut rest, mut at) = (i, 0);
        for axis in (0..dims.len()).rev() {
            at += rest % dims[axis] % x.dims[axis] * own[axis];
            rest /= dims[axis];
        }
        at
    });
    Ok(Constant { data: x.data.pick(places), dims })
}

fn range(node: &NodeReader<'_>) -> Result<Constant> {
    // The type of intermediate results: half precision is computed in f32 anyway.
    if let Some(other) = node.int("stash_type")?.filter(|&other| other != 1) {
        return Err(format!("stash_type is {other}, and must be 1"));
    }
    let bounds = (0..3).map(|i| node.needed(i)).collect::<Result<Vec<_>>>()?;
    match (&bounds[0].data, &bounds[1].data, &bounds[2].data) {
        (Data::Integers(start), Data::Integers(end), Data::Integers(step)) => {
            let (&[start], &[end], &[step]) = (&start[..], &end[..], &step[..]) else {
                return Err("it needs three numbers".into());
            };
            let count =
                if step == 0 { None } else { end.checked_sub(start).and_then(|span| span.checked_add(step - step.signum())) };
            let count = count.and_then(|span| usize::try_from((span / step).max(0)).ok()).filter(|&n| n <= MOST);
            let count = count.ok_or_else(|| format!("start, limit and delta are {start}, {end} and {step}"))?;
            Ok(Constant::integers((0..count as i64).map(|i| start + i * step).collect()))
        }
        (Data::Floats(start), Data::Floats(end), Data::Floats(step)) => {
            let (&[start], &[end], &[step]) = (&start[..], &end[..], &step[..]) else {
                return Err("it needs three numbers".into());
            };
            let count = ((end - start) / step).ceil().max(0.0);
            if count.is_nan() || count > (1 << 24) as f32 {
                return Err(format!("start, limit and delta are {start}, {end} and {step}"));
            }
            let values: Vec<f32> = (0..count as usize).map(|i| start + i as f32 * step).collect();
            Ok(Constant::floats(vec![values.len()], values))
        }
        _ => Err("start, limit and delta are of several types".into()),
    }
}

fn constant_of_shape(node: &NodeReader<'_>) -> Result<Constant> {
    let shape = node.integers(0)?.ok_or("the shape is missing")?;
    let dims = shape.iter().map(|&d| usize::try_from(d)).collect::<std::result::Result<Vec<_>, _>>();
    let dims = dims.map_err(|_| format!("the shape is {shape:?}"))?;
    let value = node.tensor("value")?.map(|tensor| Constant::read(tensor, None)).transpose()?;
    let value = value.unwrap_or_else(|| Constant::floats(vec![1], vec![0.0]));
    if value.data.len() != 1 {
        return Err(format!("value has {} elements, and must have one", value.data.len()));
    }
    let places = std::iter::repeat_n(0, count(&dims)?);
    Ok(Constant { data: value.data.pick(places), dims })
}

/// The lengths of the parts that `Split` makes of a dimension.
pub fn parts(node: &NodeReader<'_>, dim: usize) -> Result<Vec<usize>> {
    let number = node.int("num_outputs")?.map_or(node.outputs(), |n| usize::try_from(n).unwrap_or(0));
    let Some(asked) = node.integers_or_attribute(1, "split")? else {
        if number == 0 || number > dim {
            return Err(format!("num_outputs is {number}, for a dimension of length {dim}"));
        }
        let each = dim.div_ceil(number);
        return Ok((0..number).map(|i| each.min(dim.saturating_sub(i * each))).collect());
    };
    let parts = asked.iter().map(|&n| usize::try_from(n)).collect::<std::result::Result<Vec<_>, _>>();
    match parts {
        Ok(parts) if parts.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)) == Some(dim) => Ok(parts),
        _ => Err(format!("split is {asked:?}, for a dimension of length {dim}")),
    }
}

/// The values of a `Split` node.
pub fn split(node: &NodeReader<'_>) -> Result<Vec<Constant>> {
    let x = node.needed(0)?;
    let axis = node.axis(node.int("axis")?.unwrap_or(0), x.dims.len())?;
    let own = strides(&x.dims);
    let mut first = 0;
    let mut all = Vec::new();
    for len in parts(node, x.dims[axis])? {
        let mut dims = x.dims.clone();
        dims[axis] = len;
        all.push(Constant { data: x.data.pick(walk(dims.clone(), own.clone(), first * own[axis])), dims });
        first += len;
    }
    Ok(all)
}
