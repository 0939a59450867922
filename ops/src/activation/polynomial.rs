//! Polynomials with constant coefficients, and their quotients.

use crate::Arithmetic;

/// Names of coefficients, for readers of generated code.
pub const P: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];
/// Names of the coefficients of a second polynomial.
pub const Q: [&str; 8] = ["q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7"];

/// Names of the coefficients of one beside an exponential, which has those of the first.
pub const U: [&str; 8] = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"];

/// The polynomial with these coefficients, constant term first, evaluated for a vector.
#[inline(always)]
pub fn polynomial<A: Arithmetic>(a: &mut A, names: &[&str; 8], coefficients: &[f32], x: &A::Vector) -> A::Vector {
    let last = coefficients.len() - 1;
    let mut sum = a.constant(names[last], coefficients[last]);
    for i in (0..last).rev() {
        let coefficient = a.constant(names[i], coefficients[i]);
        sum = a.fma(&sum, x, &coefficient);
    }
    sum
}

/// `y * upper(y * y) / lower(y * y)`, where `y` is `x` clamped to a magnitude of `range`.
#[inline(always)]
pub fn odd_quotient<A: Arithmetic>(a: &mut A, x: &A::Vector, range: f32, upper: &[f32], lower: &[f32]) -> A::Vector {
    let least = a.constant("least", -range);
    let most = a.constant("most", range);
    let above = a.max(&least, x);
    let y = a.min(&most, &above);
    let square = a.mul(&y, &y);
    let upper = polynomial(a, &P, upper, &square);
    let lower = polynomial(a, &Q, lower, &square);
    let odd = a.mul(&y, &upper);
    a.div(&odd, &lower)
}
