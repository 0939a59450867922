//! What memory holds, by the computation that made it: pieces of memory, each with the number of its value.

use std::collections::BTreeMap;
use std::ops::Range;

/// Where a piece of memory came from: the number of its value, and where that value begins in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The number of the computation. Equal numbers are equal computations.
    pub value: usize,
    /// Which of the computation's buffers it was written to.
    pub buffer: usize,
    /// Where that buffer begins, so that a part of it is known to be that part.
    pub base: usize,
}

/// A part of a range that has one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The f32 of the piece.
    pub range: Range<usize>,
    /// Where it came from; `None` if it was not written.
    pub tag: Option<Tag>,
}

/// Memory, with the origin of each piece.
#[derive(Clone, Debug, Default)]
pub struct Tags(BTreeMap<usize, (usize, Tag)>);

impl Tags {
    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes a range.
    pub fn write(&mut self, range: Range<usize>, tag: Tag) {
        let before = self.0.range(..range.start).next_back().map(|(&from, &piece)| (from, piece));
        if let Some((from, (to, old))) = before.filter(|(_, (to, _))| *to > range.start) {
            self.0.insert(from, (range.start, old));
            if to > range.end {
                self.0.insert(range.end, (to, old));
            }
        }
        while let Some((&from, &(to, old))) = self.0.range(range.clone()).next() {
            self.0.remove(&from);
            if to > range.end {
                self.0.insert(range.end, (to, old));
            }
        }
        self.0.insert(range.start, (range.end, tag));
    }

    /// The pieces of a range, in order, and the gaps between them.
    pub fn pieces(&self, range: Range<usize>) -> Vec<Piece> {
        let before = self.0.range(..range.start).next_back().filter(|(_, (to, _))| *to > range.start);
        let mut at = range.start;
        let mut pieces = Vec::new();
        for (&from, &(to, tag)) in before.into_iter().chain(self.0.range(range.clone())) {
            let (from, to) = (from.max(range.start), to.min(range.end));
            if at < from {
                pieces.push(Piece { range: at..from, tag: None });
            }
            pieces.push(Piece { range: from..to, tag: Some(tag) });
            at = to;
        }
        if at < range.end {
            pieces.push(Piece { range: at..range.end, tag: None });
        }
        pieces
    }

    /// Calls `visit` with each piece that was written.
    #[cfg(test)]
    pub fn each(&self, mut visit: impl FnMut(Range<usize>, Tag)) {
        self.0.iter().for_each(|(&from, &(to, tag))| visit(from..to, tag));
    }

    /// The first f32 that `other` has and this memory does not have, or has with another origin.
    pub fn first_lost(&self, other: &Tags) -> Option<usize> {
        other.0.iter().find_map(|(&from, &(to, tag))| {
            let lost = self.pieces(from..to).into_iter().find(|piece| piece.tag != Some(tag));
            lost.map(|piece| piece.range.start)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_as_an_array(writes in prop::collection::vec((0usize..60, 1usize..20), 1..20), a in 0usize..80, b in 0usize..80) {
            let (mut tags, mut model) = (Tags::default(), vec![None; 80]);
            for (value, (from, len)) in writes.into_iter().enumerate() {
                let tag = Tag { value, buffer: value % 2, base: from };
                tags.write(from..from + len, tag);
                model[from..from + len].fill(Some(tag));
            }
            let range = a.min(b)..a.max(b);
            let pieces = tags.pieces(range.clone());
            let flat: Vec<_> = pieces.iter().flat_map(|piece| piece.range.clone().map(|_| piece.tag)).collect();
            prop_assert_eq!(flat, model[range].to_vec());
            prop_assert_eq!(tags.first_lost(&tags), None);
        }
    }
}
