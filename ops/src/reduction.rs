//! Reductions of all pixels of a channel to one value.

/// What all pixels of a channel are reduced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reduction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// The largest; NaN if one is NaN.
    Max,
    /// The least; NaN if one is NaN.
    Min,
}

impl Reduction {
    /// All reductions.
    pub const ALL: [Self; 4] = [Self::Mean, Self::Sum, Self::Max, Self::Min];

    /// Its word in names and problem lines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Min => "min",
        }
    }

    /// Whether it adds the pixels, so that it rounds.
    pub const fn adds(self) -> bool {
        matches!(self, Self::Mean | Self::Sum)
    }

    /// The reduction that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reduction| reduction.word() == word)
    }
}
