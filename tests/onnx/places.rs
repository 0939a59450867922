//! Parts of a tensor that are gathered or replaced, at constant places.

use sartor::kernels::report;

use crate::written::{Values, check, floats, integers};

const DIMS: [usize; 4] = [1, 3, 4, 5];

fn image() -> Values {
    (DIMS.to_vec(), (0..60).map(|i| i as f32).collect())
}

#[test]
fn parts_at_constant_places_are_gathered() {
    let x = image();
    let gathered = |dims: &[usize], places: &[i64], result: &[usize], values: Vec<f32>| {
        check(&["y = GatherND x, places"], vec![integers("places", dims, places)], &x, (result.to_vec(), values))
    };
    let from = |begin: usize, len: usize| (begin..begin + len).map(|i| i as f32);
    let mut checked = gathered(&[2, 4], &[0, 2, 3, 4, 0, 0, -1, 1], &[2], vec![59.0, 16.0]);
    checked += gathered(&[2, 3], &[0, 1, 2, 0, 0, 3], &[2, 5], from(30, 5).chain(from(15, 5)).collect());
    checked +=
        gathered(&[1, 3, 2], &[0, 2, 0, 0, 0, 2], &[1, 3, 4, 5], from(40, 20).chain(from(0, 20)).chain(from(40, 20)).collect());
    report::checked("portable", checked, "gathered parts");
}

#[test]
fn parts_at_constant_places_are_replaced() {
    let x = image();
    let replaced = |dims: &[usize], places: &[i64], updates: &[usize], at: &dyn Fn(usize) -> Option<usize>| {
        let constants = || vec![integers("places", dims, places), floats("updates", updates, |i| 100.0 + i as f32)];
        let value = |i: usize| at(i).map_or(i as f32, |update| 100.0 + update as f32);
        let y = || (DIMS.to_vec(), (0..60).map(value).collect());
        // The updates are constant, or the network computes them.
        let lines = ["none = Sub x, x", "zeros = GatherND none, places", "u = Add zeros, updates", "y = ScatterND x, places, u"];
        check(&["y = ScatterND x, places, updates"], constants(), &x, y()) + check(&lines, constants(), &x, y())
    };
    let mut checked = replaced(&[2, 4], &[0, 2, 3, 4, 0, 0, 0, 1], &[2], &|i| [59, 1].iter().position(|&place| place == i));
    checked += replaced(&[1, 2, 3], &[0, 1, 2, 0, 0, 3], &[1, 2, 5], &|i| match i {
        30..35 => Some(i - 30),
        15..20 => Some(i - 15 + 5),
        _ => None,
    });
    // A part that is replaced twice has the later.
    checked += replaced(&[2, 2], &[0, -1, 0, 2], &[2, 4, 5], &|i| (i >= 40).then(|| i - 40 + 20));
    report::checked("portable", checked, "replaced parts");
}
