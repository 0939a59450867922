//! Products of constant matrices, summed in f64.

use super::super::constant::Constant;
use super::super::dims::{broadcast, count, repeated};
use super::super::node::{NodeReader, Result};
use super::work::Work;

/// Products of two tensors' last two dimensions. Those before are batches, which are repeated where one tensor has fewer.
pub fn matmul(node: &NodeReader<'_>, work: Work<'_>) -> Result<Constant> {
    let (a, b) = (&node.needed(0)?.dims, &node.needed(1)?.dims);
    let ([a_batches @ .., m, k], [b_batches @ .., rows, n]) = (&a[..], &b[..]) else {
        return Err(format!("both inputs are constant, of dimensions {a:?} and {b:?}, and must be matrices"));
    };
    if k != rows {
        return Err(format!("dimensions {a:?} and {b:?} do not fit"));
    }
    let dims = [broadcast(a_batches, b_batches)?, vec![*m, *n]].concat();
    work(count(&[&dims[..], &[*k]].concat())?)?;
    let (x, y) = (node.floats(0)?, node.floats(1)?);
    let batches = &dims[..dims.len() - 2];
    let mut values = Vec::with_capacity(count(&dims)?);
    for (a, b) in repeated(a_batches, batches).zip(repeated(b_batches, batches)) {
        let (x, y) = (&x[a * m * k..][..m * k], &y[b * k * n..][..k * n]);
        let dot = |i: usize, j: usize| (0..*k).map(|l| f64::from(x[i * k + l]) * f64::from(y[l * n + j])).sum::<f64>() as f32;
        values.extend((0..*m).flat_map(|i| (0..*n).map(move |j| (i, j))).map(|(i, j)| dot(i, j)));
    }
    Ok(Constant::floats(dims, values))
}

/// `alpha * a * b + beta * c`; `a` and `b` may be transposed.
pub fn gemm(node: &NodeReader<'_>, work: Work<'_>) -> Result<Constant> {
    node.skip(&["broadcast"]);
    let is_set = |name| node.int(name).map(|value| value.unwrap_or(0) != 0);
    let (trans_a, trans_b) = (is_set("transA")?, is_set("transB")?);
    let alpha = f64::from(node.float("alpha")?.unwrap_or(1.0));
    let beta = f64::from(node.float("beta")?.unwrap_or(1.0));
    let (a, b) = (&node.needed(0)?.dims, &node.needed(1)?.dims);
    let (&[a_rows, a_columns], &[b_rows, b_columns]) = (&a[..], &b[..]) else {
        return Err(format!("its inputs have dimensions {a:?} and {b:?}, and must be matrices"));
    };
    let (m, k) = if trans_a { (a_columns, a_rows) } else { (a_rows, a_columns) };
    let (rows, n) = if trans_b { (b_columns, b_rows) } else { (b_rows, b_columns) };
    if k != rows {
        return Err(format!("dimensions {a:?} and {b:?} do not fit, with transA {trans_a} and transB {trans_b}"));
    }
    work(count(&[m, n, k])?)?;
    let (x, y) = (node.floats(0)?, node.floats(1)?);
    let x = |i: usize, l: usize| f64::from(x[if trans_a { l * m + i } else { i * k + l }]);
    let y = |l: usize, j: usize| f64::from(y[if trans_b { j * k + l } else { l * n + j }]);
    let dims = vec![m, n];
    let added: Vec<f32> = match node.constant(2)? {
        None => vec![0.0; count(&dims)?],
        Some(constant) if broadcast(&constant.dims, &dims).as_ref() == Ok(&dims) => {
            let values = node.floats(2)?;
            repeated(&constant.dims, &dims).map(|at| values[at]).collect()
        }
        Some(constant) => {
            return Err(format!("input 2 has dimensions {:?}, which do not fit the result's {dims:?}", constant.dims));
        }
    };
    let places = (0..m).flat_map(|i| (0..n).map(move |j| (i, j)));
    let values = places.zip(added).map(|((i, j), added)| {
        let sum: f64 = (0..k).map(|l| x(i, l) * y(l, j)).sum();
        (alpha * sum + beta * f64::from(added)) as f32
    });
    Ok(Constant::floats(dims, values.collect()))
}
