//! Choices between tensors: what is not chosen leaves no trace, also where it is infinite or NaN.

use sartor::kernels::report;
use sartor::models::proto::Tensor;

use crate::written::{self, booleans, floats};

const DIMS: [usize; 4] = [1, 17, 3, 5];
const LEN: usize = 17 * 15;

/// The channel and the pixel of an element.
fn place(i: usize) -> (usize, usize) {
    (i / 15, i % 15)
}

/// Numbers around zero. The first few are special. All are finite: an image is read by a convolution, of which zero weights meet other channels.
fn image() -> Vec<f32> {
    let special = [0.0, -0.0, 1e-40, -1e-40, 1.0, 2e19, -2e19];
    let usual = (special.len()..LEN).map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0);
    special.into_iter().chain(usual).collect()
}

/// A limit, or a slope, of a channel or a pixel.
fn step(i: usize) -> f32 {
    (i % 7) as f32 / 4.0 - 0.75
}

fn constants() -> Vec<Tensor> {
    vec![
        floats("zero", &[], |_| 0.0),
        floats("quarter", &[1], |_| 0.25),
        floats("channels", &[17, 1, 1], step),
        floats("pixels", &[3, 5], step),
        floats("all", &DIMS, step),
        booleans("odd pixels", &[1, 1, 3, 5], |i| i % 2 == 1),
        booleans("some channels", &[17, 1, 5], |i| i % 3 == 1),
        booleans("some of all", &DIMS, |i| i % 4 == 1),
    ]
}

/// What the lines make of the image is what the function says of each element's place and value.
fn check(lines: &[&str], expected: impl Fn(usize, f32) -> f32) -> usize {
    let image = image();
    let values = image.iter().enumerate().map(|(i, &x)| expected(i, x)).collect();
    written::check(lines, constants(), &(DIMS.to_vec(), image), (DIMS.to_vec(), values))
}

#[test]
fn what_is_not_chosen_leaves_no_trace() {
    let mut checked = 0;
    // A rectifier with a slope for each channel, and limits for each channel, pixel and element.
    checked += check(&["c = Greater x, zero", "s = Mul x, channels", "y = Where c, x, s"], |i, x| {
        if x > 0.0 { x } else { x * step(place(i).0) }
    });
    type Limit = fn(usize) -> f32;
    let limits: [(&str, Limit); 3] = [("channels", |i| step(place(i).0)), ("pixels", |i| step(place(i).1)), ("all", step)];
    for (name, limit) in limits {
        let below = |i: usize, x: f32| if x < limit(i) { 0.25 } else { x };
        checked += check(&[&format!("c = Less x, {name}"), "y = Where c, quarter, x"], below);
        checked +=
            check(
                &[&format!("c = GreaterOrEqual {name}, x"), "y = Where c, x, zero"],
                |i, x| if limit(i) >= x { x } else { 0.0 },
            );
        checked +=
            check(&["c = Less x, quarter", &format!("y = Where c, {name}, x")], |i, x| if x < 0.25 { limit(i) } else { x });
        checked += check(&[&format!("y = Max {name}, x")], |i, x| if x.is_nan() { x } else { x.max(limit(i)) });
    }
    // Two computed tensors, of which the second is infinite or NaN here and there.
    type Compare = fn(f32, f32) -> bool;
    let comparisons: [(&str, Compare); 5] = [
        ("Greater", |a, b| a > b),
        ("GreaterOrEqual", |a, b| a >= b),
        ("Less", |a, b| a < b),
        ("LessOrEqual", |a, b| a <= b),
        ("Equal", |a, b| a == b),
    ];
    for (name, compare) in comparisons {
        let line = format!("c = {name} x, q");
        checked += check(&["q = Mul x, x", &line, "y = Where c, x, q"], |_, x| if compare(x, x * x) { x } else { x * x });
        checked +=
            check(&["q = Mul x, x", &line, "n = Not c", "y = Where n, x, zero"], |_, x| if compare(x, x * x) { 0.0 } else { x });
        checked += check(&["q = Mul x, x", &line, "y = Cast c"], |_, x| f32::from(u8::from(compare(x, x * x))));
    }
    // What is compared is NaN for what is negative.
    for (name, compare) in comparisons {
        let line = format!("c = {name} x, l");
        let chosen = |_, x: f32| if compare(x, x.ln()) { x } else { 0.25 };
        checked += check(&["l = Log x", &line, "y = Where c, x, quarter"], chosen);
        let opposite = |_, x: f32| if compare(x, x.ln()) { 0.25 } else { x };
        checked += check(&["l = Log x", &line, "n = Not c", "y = Where n, x, quarter"], opposite);
    }
    // Logarithms of what is negative, and quotients of zero.
    checked += check(&["c = Greater x, quarter", "l = Log x", "y = Where c, x, l"], |_, x| if x > 0.25 { x } else { x.ln() });
    checked +=
        check(&["c = LessOrEqual x, zero", "r = Reciprocal x", "y = Where c, x, r"], |_, x| if x <= 0.0 { x } else { 1.0 / x });
    checked += check(&["c = Less x, zero", "l = Log x", "y = Where c, zero, l"], |_, x| if x < 0.0 { 0.0 } else { x.ln() });
    report::checked("portable", checked, "choices by comparisons");
}

#[test]
fn conditions_are_joined() {
    let mut checked = 0;
    type Join = fn(bool, bool) -> bool;
    let joins: [(&str, Join); 3] = [("And", |a, b| a && b), ("Or", |a, b| a || b), ("Xor", |a, b| a != b)];
    for (name, join) in joins {
        let line = format!("c = {name} a, b");
        let halves = ["q = Mul x, x", "a = Greater x, q", "b = Less x, channels", &line, "y = Where c, x, q"];
        checked += check(&halves, |i, x| if join(x > x * x, x < step(place(i).0)) { x } else { x * x });
        let line = format!("c = {name} a, odd pixels");
        let known = ["q = Mul x, x", "a = Greater x, quarter", &line, "y = Where c, x, q"];
        checked += check(&known, |i, x| if join(x > 0.25, place(i).1 % 2 == 1) { x } else { x * x });
    }
    // The opposite of a comparison is true of NaN.
    let within = [
        "q = Mul x, x",
        "l = Log x",
        "a = Greater l, zero",
        "n = Not a",
        "b = LessOrEqual l, quarter",
        "c = Or n, b",
        "y = Where c, q, x",
    ];
    let inside = |x: f32| x.ln() <= 0.25 || x.ln().is_nan();
    checked += check(&within, |_, x| if inside(x) { x * x } else { x });
    report::checked("portable", checked, "joined conditions");
}

#[test]
fn constants_choose() {
    let mut checked = 0;
    type Chosen = fn(usize) -> bool;
    let masks: [(&str, Chosen); 3] = [
        ("odd pixels", |i| place(i).1 % 2 == 1),
        ("some channels", |i| (place(i).0 * 5 + i % 5) % 3 == 1),
        ("some of all", |i| i % 4 == 1),
    ];
    for (name, chosen) in masks {
        let line = format!("y = Where {name}, x, q");
        checked += check(&["q = Log x", &line], |i, x| if chosen(i) { x } else { x.ln() });
        checked += check(&[&format!("y = Where {name}, x, all")], |i, x| if chosen(i) { x } else { step(i) });
        checked += check(&[&format!("y = Where {name}, zero, x")], |i, x| if chosen(i) { 0.0 } else { x });
    }
    report::checked("portable", checked, "choices by constants");
}
