//! Finds out whether weights are for the same network with another number of classes.

use super::problem::{Problem, core_shape};
use crate::graph::Network;

/// The number of classes of the file's weights, if nothing else about them is wrong.
pub fn found(network: &Network, problems: &[Problem]) -> Option<usize> {
    let [output] = network.outputs() else { return None };
    let classes = network.node(*output).shape.c;
    let mut counts = problems.iter().map(|problem| match problem {
        Problem::Shape { found, expected, .. } => match (core_shape(found), core_shape(expected)) {
            ([found, of @ ..], [expected, like @ ..]) if *expected == classes && of == like => Some(*found),
            _ => None,
        },
        _ => None,
    });
    let first = counts.next()??;
    (first > 0 && counts.all(|count| count == Some(first))).then_some(first)
}

/// What the user can do about it.
pub fn help(classes: Option<usize>) -> String {
    let say = |n| format!("\nthese are weights for {n} classes: pass --classes {n} (in Rust, Spec::with_classes({n}))");
    classes.map(say).unwrap_or_default()
}
