//! Sets of the f32 of a region, one bit for each.

use std::ops::Range;

/// A set of positions below a length.
#[derive(Clone, Debug, Default)]
pub struct Set {
    words: Vec<u64>,
}

impl Set {
    /// The empty set of positions below `len`.
    pub fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)] }
    }

    /// Adds all positions of a range.
    pub fn insert(&mut self, range: Range<usize>) {
        each_word(range, |word, mask| {
            self.words[word] |= mask;
            true
        });
    }

    /// Removes all positions of a range.
    pub fn remove(&mut self, range: Range<usize>) {
        each_word(range, |word, mask| {
            self.words[word] &= !mask;
            true
        });
    }

    /// The first position of a range that is not in the set.
    pub fn first_missing(&self, range: Range<usize>) -> Option<usize> {
        self.first(range, |word| !word)
    }

    /// The first position of a range that is in the set.
    pub fn first_present(&self, range: Range<usize>) -> Option<usize> {
        self.first(range, |word| word)
    }

    /// The set as ranges that are as long as possible, in order.
    pub fn ranges(&self) -> Vec<Range<usize>> {
        let len = self.words.len() * 64;
        let mut ranges = Vec::new();
        let mut at = 0;
        while let Some(start) = self.first_present(at..len) {
            at = self.first_missing(start..len).unwrap_or(len);
            ranges.push(start..at);
        }
        ranges
    }

    fn first(&self, range: Range<usize>, of: impl Fn(u64) -> u64) -> Option<usize> {
        let mut found = None;
        each_word(range, |word, mask| {
            let bits = of(self.words[word]) & mask;
            found = (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize);
            bits == 0
        });
        found
    }
}

/// Calls `visit` with each word that a range touches and the range's bits in it, until `visit` returns false.
fn each_word(range: Range<usize>, mut visit: impl FnMut(usize, u64) -> bool) {
    let mut at = range.start;
    while at < range.end {
        let (word, bit) = (at / 64, at % 64);
        let count = (range.end - at).min(64 - bit);
        let mask = (u64::MAX >> (64 - count)) << bit;
        if !visit(word, mask) {
            return;
        }
        at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_as_booleans(steps in prop::collection::vec((any::<bool>(), 0usize..300, 0usize..300), 1..20), a in 0usize..300, b in 0usize..300) {
            let mut set = Set::new(300);
            let mut model = vec![false; 300];
            for (add, a, b) in steps {
                let range = a.min(b)..a.max(b);
                if add { set.insert(range.clone()) } else { set.remove(range.clone()) }
                model[range].fill(add);
            }
            let mut range = a.min(b)..a.max(b);
            prop_assert_eq!(set.first_present(range.clone()), range.clone().find(|&i| model[i]));
            prop_assert_eq!(set.first_missing(range.clone()), range.find(|&i| !model[i]));
            let mut again = vec![false; 300];
            set.ranges().into_iter().for_each(|range| again[range].fill(true));
            prop_assert_eq!(again, model);
        }
    }
}
