//! Operators that leave out what lies beyond a border: what an infinite value of one channel does there is no other channel's concern.

use sartor::kernels::report;
use sartor::models::proto::Tensor;

use crate::written::{self, floats, integers};

const DIMS: [usize; 4] = [1, 17, 3, 5];
const LEN: usize = 17 * 15;

fn value(i: usize) -> f32 {
    (i * 37 % 101) as f32 / 25.0
}

/// The inverse of what is not below one. Only of the first element it is infinite.
fn inverse(i: usize) -> f32 {
    if i == 0 { f32::INFINITY } else { 1.0 / value(i).max(1.0) }
}

fn constants() -> Vec<Tensor> {
    vec![
        floats("least", &DIMS, |i| if i == 0 { 0.0 } else { 1.0 }),
        floats("scales", &[4], |i| [1.0, 1.0, 2.0, 3.0][i]),
        integers("one", &[1], &[1]),
        integers("end", &[1], &[17]),
    ]
}

/// The line makes of the inverses, in all channels but the first, what the function says of a channel's rows.
fn check(line: &str, (h, w): (usize, usize), expected: impl Fn(&dyn Fn(usize, usize) -> f32, usize, usize) -> f32) -> usize {
    let lines = ["m = Max x, least", "r = Reciprocal m", line, "y = Slice a, one, end, one"];
    let values = (1..17).flat_map(|c| {
        let at = move |y: usize, x: usize| inverse(c * 15 + y * 5 + x);
        let expected = &expected;
        (0..h * w).map(move |i| expected(&at, i / w, i % w))
    });
    let values = values.collect();
    written::check(&lines, constants(), &(DIMS.to_vec(), (0..LEN).map(value).collect()), (vec![1, 16, h, w], values))
}

#[test]
fn infinite_values_stay_in_their_channel() {
    let dilated = "a = AveragePool r {kernel_shape=2,2 dilations=2,2 pads=1,1,1,1}";
    let mut checked = check(dilated, (3, 5), |at, y, x| {
        let taps = [(y, x), (y + 2, x), (y, x + 2), (y + 2, x + 2)];
        let inside = taps.into_iter().filter(|&(y, x)| (1..=3).contains(&y) && (1..=5).contains(&x));
        let values: Vec<f32> = inside.map(|(y, x)| at(y - 1, x - 1)).collect();
        values.iter().sum::<f32>() / values.len() as f32
    });
    // The place between two source positions, the ends of which are repeated: the first, and the share of the second.
    let between = |at: usize, scale: usize, size: usize| {
        let source = ((at as f32 + 0.5) / scale as f32 - 0.5).clamp(0.0, (size - 1) as f32);
        (source as usize, (source as usize + 1).min(size - 1), source.fract())
    };
    checked += check("a = Resize r, , scales {mode=linear}", (6, 15), |at, y, x| {
        let ((y, below, down), (x, right, across)) = (between(y, 2, 3), between(x, 3, 5));
        let row = |y: usize| at(y, x) * (1.0 - across) + at(y, right) * across;
        row(y) * (1.0 - down) + row(below) * down
    });
    report::checked("portable", checked, "borders beside infinite values");
}
