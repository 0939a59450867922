//! Kinds of numbers, and reproducible ones.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{RngCore, SeedableRng};

/// Kinds of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Weights that keep activations near 1, images in -1..1.
    Reals,
    /// Small whole numbers, so that sums of products are exact in any order.
    Integers,
}

impl Data {
    pub(super) fn word(self) -> &'static str {
        match self {
            Data::Reals => "reals",
            Data::Integers => "integers",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        [Data::Reals, Data::Integers].into_iter().find(|data| data.word() == word)
    }
}

/// Reproducible bits.
pub(crate) fn noise(seed: u64) -> impl Iterator<Item = u64> {
    let mut bits = Pcg64::seed_from_u64(seed);
    std::iter::repeat_with(move || bits.next_u64())
}
