//! Kinds of data, and reproducible bits to draw them from.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{RngCore, SeedableRng};

/// Which numbers a problem is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Reals: weights that keep activations near 1, and images in -1..1.
    Reals,
    /// Small integers, so that sums of products are exact in any order.
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

/// Random bits, the same for the same seed.
pub(crate) fn noise(seed: u64) -> impl Iterator<Item = u64> {
    let mut bits = Pcg64::seed_from_u64(seed);
    std::iter::repeat_with(move || bits.next_u64())
}
