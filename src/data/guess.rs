//! A classifier's most likely classes, and their probabilities.

use sartor_models::Scores;

/// A class, and its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The class's index.
    pub class: usize,
    /// The probability, in `0..=1`.
    pub probability: f64,
}

/// The `k` most likely classes; of equal ones, the first comes first. A NaN has a probability of NaN and comes last.
pub fn top(kind: Scores, scores: &[f32], k: usize) -> Vec<Guess> {
    let rank = |class: usize| if scores[class].is_nan() { f32::NEG_INFINITY } else { scores[class] };
    let mut classes: Vec<usize> = (0..scores.len()).collect();
    classes.sort_by(|&a, &b| rank(b).total_cmp(&rank(a)));
    let max = classes.first().map_or(0.0, |&class| f64::from(rank(class)));
    let exp = |class: usize| (f64::from(scores[class]) - max).exp();
    let sum: f64 = classes.iter().map(|&class| exp(class)).sum();
    let probability = |class: usize| match kind {
        Scores::Logits => exp(class) / sum,
        Scores::Probabilities => scores[class].into(),
    };
    classes.into_iter().take(k).map(|class| Guess { class, probability: probability(class) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_the_softmax_of_logits() {
        let guesses = top(Scores::Logits, &[1.0, 1000.0, 999.0, 1000.0], 3);
        assert_eq!(guesses.iter().map(|g| g.class).collect::<Vec<_>>(), [1, 3, 2]);
        let e = (-1f64).exp();
        assert!((guesses[0].probability - 1.0 / (2.0 + e)).abs() < 1e-12);
        assert!((guesses[2].probability - e / (2.0 + e)).abs() < 1e-12);
        let guesses = top(Scores::Probabilities, &[0.25, 0.5, 0.25], 2);
        assert_eq!(guesses, [Guess { class: 1, probability: 0.5 }, Guess { class: 0, probability: 0.25 }]);
    }

    #[test]
    fn nan_is_last_and_k_may_exceed_the_classes() {
        let guesses = top(Scores::Logits, &[f32::NAN, 1.0], 5);
        assert_eq!(guesses.iter().map(|g| g.class).collect::<Vec<_>>(), [1, 0]);
        assert!(top(Scores::Logits, &[], 5).is_empty());
    }
}
