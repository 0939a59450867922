//! Arithmetic on the dimensions of tensors.

use super::node::Result;

/// From one step along each dimension to the next, in elements.
pub fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i];
    }
    strides
}

/// The most elements of a tensor that is made while a file is read: 1 GiB of integers. A small file can ask for more.
pub const MOST: usize = 1 << 27;

/// The number of elements; an error if there are more than [`MOST`].
pub fn count(dims: &[usize]) -> Result<usize> {
    let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    count.filter(|&n| n <= MOST).ok_or_else(|| format!("a tensor of dimensions {dims:?} is too large"))
}

/// The dimensions of both together: where one has length one or no such dimension, that of the other.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    let dim = |i: usize| match (at(a, i), at(b, i)) {
        (x, y) if x == y => Ok(x),
        (1, y) => Ok(y),
        (x, 1) => Ok(x),
        (x, y) => Err(format!("dimensions {a:?} and {b:?} do not fit: {x} meets {y}")),
    };
    (0..rank).map(dim).collect()
}

/// For each element of a tensor of dimensions `to`, the place of its element in one of dimensions `from`, which is repeated.
pub fn repeated<'a>(from: &'a [usize], to: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    let own = strides(from);
    let skip = to.len() - from.len();
    let steps: Vec<usize> = (0..to.len()).map(|i| if i < skip || from[i - skip] == 1 { 0 } else { own[i - skip] }).collect();
    walk(to.to_vec(), steps, 0)
}

/// The places that nested loops visit: `start + Σ step · index`, the last dimension varying fastest.
pub fn walk(dims: Vec<usize>, steps: Vec<usize>, start: usize) -> impl Iterator<Item = usize> {
    let total: usize = dims.iter().product();
    (0..total).map(move |i| {
        let (mut rest, mut at) = (i, start);
        for (dim, step) in dims.iter().zip(&steps).rev() {
            at += rest % dim * step;
            rest /= dim;
        }
        at
    })
}

/// The dimensions that a reshape asks for, of `len` elements of dimensions `from`: 0 copies a dimension, -1 is what remains.
pub fn reshaped(from: &[usize], asked: &[i64], zero_is_zero: bool) -> Result<Vec<usize>> {
    let len = count(from)?;
    let fault = || format!("shape is {asked:?}, which does not fit the {len} elements of {from:?}");
    let mut dims = Vec::with_capacity(asked.len());
    for (i, &dim) in asked.iter().enumerate() {
        dims.push(match dim {
            0 if !zero_is_zero => *from.get(i).ok_or_else(fault)?,
            -1 => 1,
            dim => usize::try_from(dim).map_err(|_| fault())?,
        });
    }
    match asked.iter().filter(|&&dim| dim == -1).count() {
        0 if count(&dims)? == len => Ok(dims),
        1 => {
            let known = count(&dims)?;
            if known == 0 || !len.is_multiple_of(known) {
                return Err(fault());
            }
            let open = asked.iter().position(|&dim| dim == -1).unwrap_or(0);
            dims[open] = len / known;
            Ok(dims)
        }
        _ => Err(fault()),
    }
}

/// The range that a slice takes of a dimension: first place, number of places, step. Bounds are those of ONNX and numpy.
pub fn sliced(dim: usize, start: i64, end: i64, step: i64) -> Result<(usize, usize, i64)> {
    if step == 0 {
        return Err("steps is 0".into());
    }
    // Wider integers, because bounds and steps may be any.
    let (n, start, end, wide_step) = (dim as i128, i128::from(start), i128::from(end), i128::from(step));
    let counted = |at: i128| if at < 0 { at + n } else { at };
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let first = counted(start).clamp(low.max(0), high.max(0));
    let last = if step < 0 && end < -n { -1 } else { counted(end).clamp(low, high) };
    let length = if step > 0 { (last - first + wide_step - 1) / wide_step } else { (last - first + wide_step + 1) / wide_step };
    Ok((first as usize, usize::try_from(length).unwrap_or(0), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_numpys() {
        assert_eq!(sliced(10, 2, i64::MAX, 1), Ok((2, 8, 1)));
        assert_eq!(sliced(10, -3, 10, 2), Ok((7, 2, 2)));
        assert_eq!(sliced(10, -1, i64::MIN, -1), Ok((9, 10, -1)));
        assert_eq!(sliced(10, 5, 2, -1), Ok((5, 3, -1)));
        assert_eq!(sliced(10, 20, 30, 1), Ok((10, 0, 1)));
        assert!(sliced(10, 0, 1, 0).is_err());
        assert_eq!(sliced(10, 3, i64::MAX, i64::MAX), Ok((3, 1, i64::MAX)));
        assert_eq!(sliced(10, i64::MAX, i64::MIN, i64::MIN), Ok((9, 1, i64::MIN)));
    }

    #[test]
    fn reshapes_keep_the_elements() {
        assert_eq!(reshaped(&[2, 3, 4], &[0, -1], false), Ok(vec![2, 12]));
        assert!(reshaped(&[2, 3, 4], &[5, -1], false).is_err());
        assert!(reshaped(&[2, 3, 4], &[-1, -1], false).is_err());
        assert_eq!(reshaped(&[0, 3], &[0, 3], true), Ok(vec![0, 3]));
    }

    #[test]
    fn broadcasts_repeat_single_places() {
        assert_eq!(broadcast(&[2, 1, 4], &[3, 1]), Ok(vec![2, 3, 4]));
        assert!(broadcast(&[2], &[3]).is_err());
        assert_eq!(repeated(&[2, 1], &[2, 2, 3]).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    }
}
