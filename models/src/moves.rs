//! Values in another order, by operators of the graph.

use crate::graph::{Op, Shape};

/// Operators that put values in another order. The values are counted by digits: `sizes` says how many values each has, from the
/// outermost in, and `order[i]` which of them digit `i` of the result is. Each pair of operators brings one digit in front of all
/// others, the last of them first. The shape of the last result is for the caller to change.
pub fn moves(sizes: &[usize], order: &[usize]) -> Vec<Op> {
    let mut now: Vec<usize> = (0..sizes.len()).collect();
    let mut moves = Vec::new();
    for wanted in order.iter().rev().filter(|_| sizes.len() > 1 && !order.is_sorted()) {
        let at = now.iter().position(|digit| digit == wanted).unwrap_or(0);
        let size = |part: &[usize]| part.iter().map(|&digit| sizes[digit]).product();
        moves.push(Op::Reshape(Shape::new(size(&now[..at]), size(&now[at..=at]), size(&now[at + 1..]))));
        moves.push(Op::Transpose([1, 0, 2]));
        let digit = now.remove(at);
        now.insert(0, digit);
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the digits in another order, by the operators.
    fn moved(sizes: &[usize], order: &[usize]) -> Vec<usize> {
        let mut values: Vec<usize> = (0..sizes.iter().product()).collect();
        let mut shape = [1, 1, 1];
        for op in moves(sizes, order) {
            match op {
                Op::Reshape(to) => shape = to.dims(),
                _ => {
                    let [a, b, c] = shape;
                    let at = |i: usize| values[(i / c % a * b + i / c / a) * c + i % c];
                    values = (0..values.len()).map(at).collect();
                }
            }
        }
        values
    }

    #[test]
    fn digits_come_in_every_order() {
        let sizes = [2, 3, 5, 4];
        let steps = [60, 20, 4, 1];
        for number in 0..24 {
            let mut rest = vec![0, 1, 2, 3];
            let order: Vec<usize> = [6, 2, 1, 1].into_iter().map(|n| rest.remove(number / n % rest.len())).collect();
            let mut expected = vec![0];
            for &digit in &order {
                let next = |&at: &usize| (0..sizes[digit]).map(move |i| at + i * steps[digit]).collect::<Vec<_>>();
                expected = expected.iter().flat_map(next).collect();
            }
            assert_eq!(moved(&sizes, &order), expected, "{order:?}");
        }
        assert_eq!(moves(&sizes, &[0, 1, 2, 3]), []);
    }
}
