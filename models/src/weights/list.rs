//! Lists what is wrong with tensors, for error messages.

use super::Problem;
use crate::listing::{LINES, listing};

/// What is wrong with the first tensors, one per line; then how many more there are, and what is wrong with these.
pub fn list(problems: &[Problem]) -> String {
    let rest = problems.get(LINES..).unwrap_or_default();
    let kinds = ["missing", "extra", "of another shape", "of another type", "not finite"];
    let kind = |problem: &Problem| match problem {
        Problem::Missing { .. } => 0,
        Problem::Extra { .. } => 1,
        Problem::Shape { .. } => 2,
        Problem::Type { .. } => 3,
        Problem::NonFinite { .. } | Problem::Unfoldable { .. } => 4,
    };
    let counts = kinds.iter().enumerate().map(|(at, name)| (rest.iter().filter(|problem| kind(problem) == at).count(), name));
    let counts: Vec<String> = counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    let text = listing(problems);
    if counts.is_empty() { text } else { format!("{text}: {}", counts.join(", ")) }
}
