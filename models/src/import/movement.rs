//! Operators that move a map's values into the order of a tensor.

use super::view::Factor;
use crate::graph::{Op, Shape};
use crate::moves::moves;

/// Operators that make of a map of shape `from` one of shape `to`, which holds the values in the order of some factors. `None` if
/// the factors do not run through all of the map.
pub fn movement(from: Shape, factors: &[Factor], to: Shape) -> Option<Vec<Op>> {
    // From one step of a factor to the next, in elements of the map.
    let step = |factor: &Factor| factor.stride * [from.pixels(), from.w, 1][factor.axis as usize];
    let mut digits: Vec<usize> = (0..factors.len()).collect();
    digits.sort_by_key(|&digit| std::cmp::Reverse(step(&factors[digit])));
    let mut inner = 1;
    for &digit in digits.iter().rev() {
        if step(&factors[digit]) != inner {
            return None;
        }
        inner *= factors[digit].size;
    }
    if inner != from.len() || to.len() != inner {
        return None;
    }
    let sizes: Vec<usize> = digits.iter().map(|&digit| factors[digit].size).collect();
    let place = |wanted: usize| digits.iter().position(|&digit| digit == wanted).unwrap_or(0);
    let order: Vec<usize> = (0..factors.len()).map(place).collect();
    let mut ops = moves(&sizes, &order);
    if !ops.is_empty() || from != to {
        ops.push(Op::Reshape(to));
    }
    Some(ops)
}
