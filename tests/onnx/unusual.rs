//! What a file may legally say, and exporters seldom do.

use sartor::kernels::report;

use crate::written::{check, floats, integers};

const DIMS: [usize; 4] = [1, 2, 3, 4];

fn image() -> (Vec<usize>, Vec<f32>) {
    (DIMS.to_vec(), (0..24).map(|i| i as f32).collect())
}

/// Transposed convolutions of two channels to one whose padding leaves out inputs, or positions between them.
#[test]
fn transposed_convolutions_leave_out_inputs() {
    let mut checked = 0;
    for (kernel, strides, pads) in [
        (1, [3, 3], [1, 1, 1, 1]),
        (1, [1, 3], [0, 1, 0, 1]),
        (1, [1, 1], [1, 2, 0, 1]),
        (2, [2, 2], [2, 3, 1, 0]),
        (2, [3, 1], [3, 2, 0, 0]),
    ] {
        let weight = |i: usize| (i * 5 % 7) as f32 - 2.0;
        let weights = vec![floats("w", &[2, 1, kernel, kernel], weight)];
        let [strides_at, pads_at] =
            [strides.to_vec(), pads.to_vec()].map(|v| v.iter().map(usize::to_string).collect::<Vec<_>>().join(","));
        let line = format!("y = ConvTranspose x, w {{strides={strides_at} pads={pads_at}}}");
        let full = |size: usize, axis: usize| (size - 1) * strides[axis] + kernel;
        let (h, w) = (full(3, 0) - pads[0] - pads[2], full(4, 1) - pads[1] - pads[3]);
        let mut y = vec![0.0; h * w];
        for (i, value) in image().1.into_iter().enumerate() {
            let (c, row, column) = (i / 12, i / 4 % 3, i % 4);
            for tap in 0..kernel * kernel {
                let at = (row * strides[0] + tap / kernel)
                    .checked_sub(pads[0])
                    .zip((column * strides[1] + tap % kernel).checked_sub(pads[1]));
                if let Some((row, column)) = at.filter(|&(row, column)| row < h && column < w) {
                    y[row * w + column] += value * weight(c * kernel * kernel + tap);
                }
            }
        }
        checked += check(&[&line], weights, &image(), (vec![1, 1, h, w], y));
    }
    report::checked("portable", checked, "transposed convolutions that leave out inputs");
}

#[test]
fn matrices_stand_on_the_left_and_vectors_on_the_right() {
    let weight = |i: usize| (i % 4) as f32 - 1.0;
    let at = |c: usize, row: usize, column: usize| (c * 12 + row * 4 + column) as f32;
    let left = (0..2 * 5 * 4).map(|i| (0..3).map(|k| weight(i / 4 % 5 * 3 + k) * at(i / 20, k, i % 4)).sum()).collect();
    let mut checked = check(&["y = MatMul w, x"], vec![floats("w", &[5, 3], weight)], &image(), (vec![1, 2, 5, 4], left));
    let right = (0..6).map(|i| (0..4).map(|k| weight(k) * at(i / 3, i % 3, k)).sum()).collect();
    checked += check(&["y = MatMul x, w"], vec![floats("w", &[4], weight)], &image(), (vec![1, 2, 3], right));
    report::checked("portable", checked, "matrices on the left and vectors on the right");
}

/// Weights of several matrices: each meets its own part of the tensor, or all meet the whole.
#[test]
fn each_part_of_a_tensor_has_a_matrix_of_its_own() {
    let weight = |i: usize| (i * 3 % 5) as f32 - 2.0;
    let x = image().1;
    let mut checked = 0;
    for (line, dims, groups, outputs) in [
        ("y = MatMul x, w", [2, 4, 5], 2, 5),
        ("y = MatMul w, x", [2, 5, 3], 2, 5),
        ("y = MatMul x, w", [2, 4, 1], 2, 1),
        ("y = MatMul w, x", [2, 1, 3], 2, 1),
    ] {
        let from_left = line.ends_with('x');
        let (rows, terms, columns) = if from_left { (outputs, 3, 4) } else { (3, 4, outputs) };
        let each = |i: usize| {
            let (g, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
            let product = |k: usize| match from_left {
                true => weight((g * rows + row) * terms + k) * x[(g * terms + k) * columns + column],
                false => x[(g * rows + row) * terms + k] * weight((g * terms + k) * columns + column),
            };
            (0..terms).map(product).sum()
        };
        let y = (0..groups * rows * columns).map(each).collect();
        let weights = vec![floats("w", &dims, weight)];
        checked += check(&[line], weights, &image(), (vec![1, groups, rows, columns], y));
    }
    let row = vec![integers("shape", &[3], &[1, 6, 4])];
    // Rank 3 beside weights of rank 4, whose matrices all meet the same.
    let y = (0..3 * 6 * 2).map(|i| (0..4).map(|k| x[i / 2 % 6 * 4 + k] * weight((i / 12 * 4 + k) * 2 + i % 2)).sum()).collect();
    let weights = [row, vec![floats("w", &[1, 3, 4, 2], weight)]].concat();
    checked += check(&["r = Reshape x, shape", "y = MatMul r, w"], weights, &image(), (vec![1, 3, 6, 2], y));
    // A vector beside them is a row, or a column, that the result does not keep.
    let vector = vec![integers("shape", &[1], &[24])];
    for (line, dims) in [("y = MatMul r, w", [2, 24, 5]), ("y = MatMul w, r", [2, 5, 24])] {
        let from_left = line.ends_with('r');
        let term = |i: usize, k: usize| if from_left { weight(i * 24 + k) } else { weight((i / 5 * 24 + k) * 5 + i % 5) };
        let y = (0..10).map(|i| (0..24).map(|k| x[k] * term(i, k)).sum()).collect();
        let weights = [vector.clone(), vec![floats("w", &dims, weight)]].concat();
        checked += check(&["r = Reshape x, shape", line], weights, &image(), (vec![2, 5], y));
    }
    report::checked("portable", checked, "tensors whose parts have matrices of their own");
}

/// A tensor that a reshape leaves in another order than a map's is copied where nothing else reads it.
#[test]
fn tensors_in_any_order_are_joined() {
    let shape = vec![integers("shape", &[4], &[1, 3, 2, 4])];
    let lines = ["r = Reshape x, shape", "y = Concat r, r {axis=2}"];
    let y = (0..48).map(|i| (i / 16 * 8 + i % 8) as f32).collect();
    let checked = check(&lines, shape, &image(), (vec![1, 3, 4, 4], y));
    report::checked("portable", checked, "tensors in any order");
}

/// What is constant, and not computed while a file is read, the network computes.
#[test]
fn pools_of_constants_are_computed() {
    let constant = vec![floats("w", &[1, 2, 4, 5], |i| i as f32)];
    let lines = ["p = MaxPool w {kernel_shape=2,2}", "y = Add x, p"];
    let y = (0..24).map(|i| i as f32 + (i / 12 * 20 + (i / 4 % 3 + 1) * 5 + i % 4 + 1) as f32).collect();
    let checked = check(&lines, constant, &image(), (DIMS.to_vec(), y));
    report::checked("portable", checked, "pools of constants");
}

/// Means of all channels times a factor for each, as TensorFlow's layer norms have it, and lines of constants beside a column.
#[test]
fn constants_are_longer_than_the_tensor() {
    let x = image().1;
    let constants = vec![integers("axes", &[1], &[1]), floats("w", &[1, 5, 1, 1], |i| i as f32 - 2.0)];
    let y = (0..5 * 12).map(|i| (x[i % 12] + x[12 + i % 12]) * ((i / 12) as f32 - 2.0)).collect();
    let lines = ["s = ReduceSum x, axes", "y = Mul s, w"];
    let mut checked = check(&lines, constants, &image(), (vec![1, 5, 3, 4], y));
    let constants = vec![integers("axes", &[1], &[2]), floats("w", &[3, 4], |i| (i * i) as f32)];
    let y = (0..24).map(|i| ((i % 12) * (i % 12)) as f32 - x[i / 12 * 12 + 8 + i % 4]).collect();
    let lines = ["m = ReduceMax x, axes", "y = Sub w, m"];
    checked += check(&lines, constants, &image(), (DIMS.to_vec(), y));
    report::checked("portable", checked, "constants that are longer than a tensor");
}

/// A detector's head: the numbers of each anchor stand last, are taken apart and put together again.
#[test]
fn parts_of_anchors_are_taken_and_joined() {
    let x = (vec![1, 6, 2, 2], (0..24).map(|i| i as f32).collect::<Vec<f32>>());
    let mut constants = vec![integers("shape", &[5], &[1, 2, 3, 2, 2])];
    for (name, value) in [("zero", 0), ("two", 2), ("three", 3), ("four", 4)] {
        constants.push(integers(name, &[1], &[value]));
    }
    let lines = [
        "r = Reshape x, shape",
        "t = Transpose r {perm=0,1,3,4,2}",
        "a = Slice t, zero, two, four",
        "b = Slice t, two, three, four",
        "n = Neg b",
        "y = Concat n, a {axis=4}",
    ];
    let at = |anchor: usize, number: usize, pixel: usize| x.1[(anchor * 3 + number) * 4 + pixel];
    let y = (0..24).map(|i| match (i / 12, i % 3, i / 3 % 4) {
        (anchor, 0, pixel) => -at(anchor, 2, pixel),
        (anchor, number, pixel) => at(anchor, number - 1, pixel),
    });
    let checked = check(&lines, constants, &x, (vec![1, 2, 2, 2, 3], y.collect()));
    report::checked("portable", checked, "parts of anchors");
}

/// Dimensions that are a part of the columns, in tensors of more than four.
#[test]
fn dimensions_of_any_tensor_are_chosen_and_joined() {
    let x = image().1;
    let constants = vec![integers("shape", &[5], &[1, 2, 3, 2, 2]), integers("turned", &[2], &[1, 0])];
    let y = (0..24).map(|i| x[i ^ 2]).collect();
    let lines = ["r = Reshape x, shape", "y = Gather r, turned {axis=3}"];
    let mut checked = check(&lines, constants.clone(), &image(), (vec![1, 2, 3, 2, 2], y));
    let y = (0..48).map(|i| x[i / 8 * 4 + i % 4]).collect();
    let lines = ["r = Reshape x, shape", "y = Concat r, r {axis=3}"];
    checked += check(&lines, constants, &image(), (vec![1, 2, 3, 4, 2], y));
    report::checked("portable", checked, "dimensions of tensors of high rank");
}

#[test]
fn the_middle_of_three_parts_of_the_channels_is_reduced() {
    let x = (vec![1, 12, 1, 2], (0..24).map(|i| (i * i) as f32).collect::<Vec<f32>>());
    let constants = vec![integers("shape", &[5], &[1, 2, 3, 2, 2]), integers("axes", &[1], &[2])];
    let y = (0..8).map(|i| (0..3).map(|k| x.1[i / 4 * 12 + k * 4 + i % 4]).sum()).collect();
    let checked = check(&["r = Reshape x, shape", "y = ReduceSum r, axes {keepdims=0}"], constants, &x, (vec![1, 2, 2, 2], y));
    report::checked("portable", checked, "sums over the middle of the channels");
}

/// Sums over all pixels with weights that the network computes, as global contexts are.
#[test]
fn tensors_are_multiplied_with_vectors() {
    let x = image().1;
    let constants =
        vec![integers("axes", &[1], &[1]), integers("flat", &[3], &[1, 2, 12]), integers("column", &[3], &[1, 12, 1])];
    let y: Vec<f32> = (0..2).map(|c| (0..12).map(|i| x[c * 12 + i] * x[12 + i]).sum()).collect();
    let start = ["m = ReduceMax x, axes", "v = Reshape m, column", "f = Reshape x, flat"];
    let right = [&start[..], &["y = MatMul f, v"]].concat();
    let mut checked = check(&right, constants.clone(), &image(), (vec![1, 2, 1], y.clone()));
    let left = [&start[..], &["r = Transpose v {perm=0,2,1}", "t = Transpose f {perm=0,2,1}", "y = MatMul r, t"]].concat();
    checked += check(&left, constants, &image(), (vec![1, 1, 2], y));
    report::checked("portable", checked, "products of tensors and vectors");
}

/// Rows so long that their mirrored ends are made apart from the rest.
#[test]
fn long_rows_are_mirrored() {
    const LEN: usize = 1100;
    let x = (vec![1, 1, LEN], (0..LEN).map(|i| (i * i % 97) as f32).collect::<Vec<f32>>());
    let pads = vec![integers("pads", &[6], &[0, 0, 3, 0, 0, 2])];
    let place = |at: usize| at.abs_diff(3).min(2 * (LEN - 1) - at.abs_diff(3));
    let y = (0..LEN + 5).map(|at| x.1[place(at)]).collect();
    let checked = check(&["y = Pad x, pads {mode=reflect}"], pads, &x, (vec![1, 1, LEN + 5], y));
    report::checked("portable", checked, "long rows that are mirrored");
}
