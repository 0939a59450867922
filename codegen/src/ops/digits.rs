//! Values that are moved: the digits by which they are counted, in another order.

use std::fmt;

use crate::layout::{Loop, each};

/// The most digits that there are.
pub const MOST: usize = 8;

/// The order of values that are moved. Channel by channel and row by row, the values of the source are counted by digits, and the
/// values of the result by the same digits in another order. No digit belongs to two dimensions of the source, or of the result.
/// So each has one stride in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    len: usize,
    /// How many values each digit has, in the order of the source, from the outermost in.
    sizes: [usize; MOST],
    /// Which of them each digit of the result is, from the outermost in.
    order: [usize; MOST],
}

impl Digits {
    /// From loops in the order of the source, each with its count and the number of values of the result from one to the next.
    /// `src` and `dst` are channels, rows and columns. `None` if a digit would belong to two dimensions and cannot be divided, or
    /// if there are more than [`MOST`].
    pub fn new(loops: &[(usize, usize)], src: [usize; 3], dst: [usize; 3]) -> Option<Self> {
        let mut digits: Vec<(usize, usize)> = loops.iter().copied().filter(|&(count, _)| count > 1).collect();
        let mut inner = digits.iter().map(|(count, _)| count).product::<usize>();
        // What belongs to each dimension of the source.
        let mut parts = Vec::new();
        for (count, step) in digits {
            inner /= count;
            let mut rest = vec![(count, step)];
            for edge in [src[2], src[1] * src[2]] {
                rest = cut(rest, edge, inner)?;
            }
            parts.extend(rest);
        }
        digits = parts;
        for edge in [dst[2], dst[1] * dst[2]] {
            let cut = |&(count, step): &(usize, usize)| cut(vec![(count, step)], edge, step);
            digits = digits.iter().map(cut).collect::<Option<Vec<_>>>()?.concat();
        }
        let sizes: Vec<usize> = digits.iter().map(|(count, _)| *count).collect();
        let mut order: Vec<usize> = (0..digits.len()).collect();
        order.sort_by_key(|&digit| std::cmp::Reverse(digits[digit].1));
        Self::of(&sizes, &order)
    }

    /// From the sizes in the order of the source, and the order of the result. `None` if there are more than [`MOST`], one is
    /// zero, all together are too many, or the order does not hold each once.
    pub fn of(sizes: &[usize], order: &[usize]) -> Option<Self> {
        let len = sizes.len();
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if len > MOST || !sorted.into_iter().eq(0..len) {
            return None;
        }
        sizes.iter().try_fold(1usize, |all, &size| all.checked_mul(size).filter(|&all| all > 0))?;
        let mut digits = Self { len, sizes: [1; MOST], order: [0; MOST] };
        digits.sizes[..len].copy_from_slice(sizes);
        digits.order[..len].copy_from_slice(order);
        Some(digits)
    }

    /// How many values each digit has, in the order of the source.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes[..self.len]
    }

    /// Which of the source's digits each digit of the result is.
    pub fn order(&self) -> &[usize] {
        &self.order[..self.len]
    }

    /// How many values are moved.
    pub fn count(&self) -> usize {
        self.sizes().iter().product()
    }

    /// The loops that move the values, in the order of the source. `src` and `dst` give the f32 from value to value along
    /// channels, rows and columns, behind their numbers.
    pub fn loops(&self, src: ([usize; 3], [usize; 3]), dst: ([usize; 3], [usize; 3])) -> Vec<Loop> {
        let mut loops = vec![Loop { count: 1, src: 0, dst: 0 }; self.len];
        let mut inner = 1;
        for digit in (0..self.len).rev() {
            (loops[digit].count, loops[digit].src) = (self.sizes[digit], step(inner, src));
            inner *= self.sizes[digit];
        }
        inner = 1;
        for &digit in self.order().iter().rev() {
            loops[digit].dst = step(inner, dst);
            inner *= self.sizes[digit];
        }
        loops
    }

    /// Calls `visit` with the number of each value in the source and in the result, both counted channel by channel.
    pub fn each(&self, mut visit: impl FnMut(usize, usize)) {
        let flat = ([self.count(), 1, 1], [1, 0, 0]);
        each(&self.loops(flat, flat), (0, 0), &mut visit);
    }
}

/// Divides loops where `edge` values end. `inner` is how many values a step of the last of them is.
fn cut(loops: Vec<(usize, usize)>, edge: usize, inner: usize) -> Option<Vec<(usize, usize)>> {
    let mut cut = Vec::new();
    let mut inside: usize = inner * loops.iter().map(|(count, _)| count).product::<usize>();
    for (count, step) in loops {
        let end = inside;
        inside /= count;
        if inside >= edge || end <= edge {
            if inside >= edge && !inside.is_multiple_of(edge) {
                return None;
            }
            cut.push((count, step));
            continue;
        }
        let below = edge / inside;
        if !edge.is_multiple_of(inside) || !count.is_multiple_of(below) {
            return None;
        }
        cut.extend([(count / below, step * below), (below, step)]);
    }
    Some(cut)
}

/// The f32 that so many values are, which lie at the beginning of a dimension.
fn step(values: usize, ([_, h, w], [channel, row, column]): ([usize; 3], [usize; 3])) -> usize {
    match values {
        values if values >= h * w => values / (h * w) * channel,
        values if values >= w => values / w * row,
        values => values * column,
    }
}

/// `8x3x5p201`: sizes, then the order.
impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.sizes().iter().map(usize::to_string).collect();
        write!(f, "{}p", sizes.join("x"))?;
        self.order().iter().try_for_each(|digit| write!(f, "{digit}"))
    }
}

impl Digits {
    /// Reads what is printed.
    pub fn parse(text: &str) -> Option<Self> {
        let (sizes, order) = text.split_once('p')?;
        let sizes: Vec<usize> = sizes.split('x').map(|size| size.parse().ok()).collect::<Option<_>>()?;
        let order: Vec<usize> = order.bytes().map(|digit| Some(usize::from(digit.checked_sub(b'0')?))).collect::<Option<_>>()?;
        Self::of(&sizes, &order).filter(|digits| digits.to_string() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_belong_to_one_dimension_of_each_side() {
        // 4 x 6 x 10 under the shape 8 x 3 x 10: channels are divided, since rows of the result are half of a channel.
        let digits = Digits::new(&[(240, 1)], [4, 6, 10], [8, 3, 10]).unwrap();
        assert_eq!((digits.sizes(), digits.order()), (&[4, 2, 3, 10][..], &[0, 1, 2, 3][..]));
        // No number of rows is a number of rows of the other.
        assert_eq!(Digits::new(&[(24, 1)], [4, 6, 1], [6, 4, 1]), None);
        // Transposed: columns become channels.
        let digits = Digits::new(&[(2, 12), (3, 4), (4, 1)], [2, 3, 4], [2, 3, 4]).unwrap();
        assert_eq!(digits.to_string(), "2x3x4p012");
        let digits = Digits::new(&[(2, 1), (3, 2), (4, 6)], [2, 3, 4], [4, 3, 2]).unwrap();
        assert_eq!(digits.to_string(), "2x3x4p210");
        let mut moved = Vec::new();
        digits.each(|from, to| moved.push((from, to)));
        assert_eq!(moved[..5], [(0, 0), (1, 6), (2, 12), (3, 18), (4, 2)]);
        assert_eq!(Digits::parse("2x3x4p210"), Some(digits));
    }

    #[test]
    fn what_is_no_order_of_digits_is_refused() {
        for text in ["", "p", "2x3", "2x3p0", "2x3p00", "2x0p10", "02x3p01", "2x3p02", "2xp01", "9223372036854775807x3p01"] {
            assert_eq!(Digits::parse(text), None, "{text}");
        }
        assert_eq!(Digits::parse("1x1x1x1x1x1x1x1x1p012345678"), None);
    }
}
