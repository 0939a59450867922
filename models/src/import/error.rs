//! Why a file could not be imported.

use std::fmt;
use std::path::PathBuf;

use crate::escape::{self, line};
use crate::graph::GraphError;

/// A file could not be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file, or one that it refers to, cannot be read.
    #[error("cannot read '{}': {source}", escape::path(path))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no ONNX file, or a damaged one.
    #[error("'{}' is not a valid ONNX file: {reason}", escape::path(path))]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An option names something that the file does not have, or does not fit it.
    #[error("{0}")]
    Option(String),
    /// Nodes of the file that are not supported. All are listed.
    #[error("'{}' has {} that {} not supported:{}", escape::path(path), nodes(refusals.len()), if refusals.len() == 1 { "is" } else { "are" }, list(refusals))]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The nodes.
        refusals: Vec<Refusal>,
    },
    /// The network that the nodes make is not valid.
    #[error("'{}': {source}", escape::path(path))]
    Graph {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: GraphError,
    },
}

/// A node that is not supported, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The node's name, or that of its first output if it has none.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// Which attribute or input has which value, and what to do.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node '{}' ({}): {}", line(&self.node), line(&self.operator), line(&self.reason))
    }
}

/// The most nodes that an error lists.
const LISTED: usize = 10;

fn nodes(count: usize) -> String {
    if count == 1 { "a node".into() } else { format!("{count} nodes") }
}

/// The nodes, those with the same operator and reason in one line.
fn list(refusals: &[Refusal]) -> String {
    let mut groups: Vec<(&Refusal, usize)> = Vec::new();
    for refusal in refusals {
        let same = |(first, _): &&mut (&Refusal, usize)| (&first.operator, &first.reason) == (&refusal.operator, &refusal.reason);
        match groups.iter_mut().find(same) {
            Some((_, count)) => *count += 1,
            None => groups.push((refusal, 1)),
        }
    }
    let mut text: String = groups
        .iter()
        .take(LISTED)
        .map(
            |(first, count)| {
                if *count == 1 { format!("\n  {first}") } else { format!("\n  {first} (and {} like it)", count - 1) }
            },
        )
        .collect();
    if groups.len() > LISTED {
        let rest: usize = groups[LISTED..].iter().map(|(_, count)| count).sum();
        let mut operators: Vec<String> = groups[LISTED..].iter().map(|(first, _)| line(&first.operator).to_string()).collect();
        operators.dedup();
        let more = if operators.len() > 2 * LISTED { ", .." } else { "" };
        operators.truncate(2 * LISTED);
        text += &format!("\n  and {} more: {}{more}", nodes(rest), operators.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_nodes_are_listed_once_for_each_reason() {
        let refusal =
            |i: usize, operator: &str| Refusal { node: format!("n{i}"), operator: operator.into(), reason: "no".into() };
        let mut refusals: Vec<Refusal> = (0..3).map(|i| refusal(i, "Loop")).collect();
        assert_eq!(list(&refusals), "\n  node 'n0' (Loop): no (and 2 like it)");
        refusals.extend((0..12).map(|i| refusal(i, &format!("Op{i}"))));
        assert!(list(&refusals).ends_with("\n  node 'n8' (Op8): no\n  and 3 nodes more: Op9, Op10, Op11"), "{}", list(&refusals));
    }
}
