//! Names of a classifier's classes, and the classes it finds most likely.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

/// The largest list of names that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The names of classes. A class without a name is called by its index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Labels(Vec<String>);

impl Labels {
    /// These names; `None` if one of them has several lines.
    pub fn new(names: Vec<String>) -> Option<Self> {
        names.iter().all(|name| !name.contains(['\n', '\r'])).then_some(Self(names))
    }

    /// All names, in the order of the classes.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Reads a text file with one name a line.
    ///
    /// # Errors
    /// If the file cannot be read as text, or is longer than 16 MiB.
    pub fn load(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        if File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)? as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a list of names has at most 16 MiB"));
        }
        Ok(Self(text.lines().map(str::to_owned).collect()))
    }

    /// The number of names; 0 if classes are called by their index.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether classes are called by their index.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of a class.
    pub fn name(&self, class: usize) -> String {
        self.0.get(class).cloned().unwrap_or_else(|| class.to_string())
    }
}

/// A class, and its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The class's index.
    pub class: usize,
    /// The softmax of its score, in `0..=1`.
    pub probability: f64,
}

/// The `k` most likely classes; of equal ones, the first comes first. `scores` are logits or their log-softmax. A NaN score has a
/// probability of NaN and comes last.
pub fn top(scores: &[f32], k: usize) -> Vec<Guess> {
    let rank = |class: usize| if scores[class].is_nan() { f32::NEG_INFINITY } else { scores[class] };
    let mut classes: Vec<usize> = (0..scores.len()).collect();
    classes.sort_by(|&a, &b| rank(b).total_cmp(&rank(a)));
    let max = classes.first().map_or(0.0, |&class| f64::from(rank(class)));
    let exp = |class: usize| (f64::from(scores[class]) - max).exp();
    let sum: f64 = classes.iter().map(|&class| exp(class)).sum();
    classes.into_iter().take(k).map(|class| Guess { class, probability: exp(class) / sum }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_the_softmax() {
        let guesses = top(&[1.0, 1000.0, 999.0, 1000.0], 3);
        assert_eq!(guesses.iter().map(|g| g.class).collect::<Vec<_>>(), [1, 3, 2]);
        let e = (-1f64).exp();
        assert!((guesses[0].probability - 1.0 / (2.0 + e)).abs() < 1e-12);
        assert!((guesses[2].probability - e / (2.0 + e)).abs() < 1e-12);
    }

    #[test]
    fn nan_is_last_and_k_may_exceed_the_classes() {
        let guesses = top(&[f32::NAN, 1.0], 5);
        assert_eq!(guesses.iter().map(|g| g.class).collect::<Vec<_>>(), [1, 0]);
        assert!(top(&[], 5).is_empty());
    }

    #[test]
    fn names_fall_back_to_the_index() {
        let labels = Labels(vec!["cat".into()]);
        assert_eq!((labels.name(0), labels.name(1)), ("cat".into(), "1".into()));
    }
}
