//! The units of a stage, as threads take them: each has a share of its own and takes it from the front, one by one; who has none
//! left takes half of another's from the back. So a thread that is slow, or not there yet, holds nobody up for more than a unit.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Units that a thread runs one after another, each of which follows the one before it. They are taken as they are run.
#[derive(Debug)]
#[repr(C)]
pub struct Units<'a> {
    /// Taken, and not run yet.
    begin: usize,
    end: usize,
    /// Units run.
    run: usize,
    /// Where more are taken from, which follow on `end`.
    share: Option<&'a Share>,
}

impl<'a> Units<'a> {
    /// These and no others.
    pub fn of(units: Range<usize>) -> Self {
        Self { begin: units.start, end: units.end.max(units.start), run: 0, share: None }
    }

    /// A thread's next units, from its own share or from another's, first those of the threads behind it. As long as these are not
    /// said to be done, the stage is not.
    pub(super) fn claim(shares: &'a [Share], thread: usize) -> Option<Self> {
        let own = &shares[thread];
        if let Some(unit) = own.take() {
            return Some(Self { share: Some(own), ..Self::of(unit..unit + 1) });
        }
        let (before, behind) = shares.split_at(thread);
        behind[1..].iter().chain(before).find_map(Share::steal).map(Self::of)
    }

    /// Units given out to be run.
    pub(super) fn run(&self) -> usize {
        self.run
    }
}

impl Iterator for Units<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.begin == self.end {
            self.begin = self.share?.take()?;
            self.end = self.begin + 1;
        }
        let unit = self.begin;
        self.begin += 1;
        self.run += 1;
        Some(unit)
    }
}

/// What nobody has taken of a thread's units: the first in the upper half, the end in the lower one. On cache lines of its own.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Share(AtomicU64);

impl Share {
    /// Units of a stage at most: they fit half a word, and one more can be counted.
    pub const MOST: usize = u32::MAX as usize - 1;

    /// Of all units, those that a thread begins with. What was written before is seen by whoever takes one.
    pub fn put(&self, units: usize, thread: usize, threads: usize) {
        debug_assert!(units <= Self::MOST, "{units} units");
        let bound = |thread: usize| (units as u64) * (thread as u64) / (threads as u64);
        self.0.store(bound(thread) << 32 | bound(thread + 1), Ordering::Release);
    }

    /// Takes the first unit.
    fn take(&self) -> Option<usize> {
        self.change(|units| (units.start..units.start + 1, units.start + 1..units.end)).map(|taken| taken.start)
    }

    /// Takes the second half, the middle one included: the owner is busy with a unit already.
    fn steal(&self) -> Option<Range<usize>> {
        self.change(|units| {
            let middle = units.start + units.len() / 2;
            (middle..units.end, units.start..middle)
        })
    }

    /// Takes of what is left, if anything is: `split` tells what is taken and what stays.
    fn change(&self, split: impl Fn(Range<usize>) -> (Range<usize>, Range<usize>)) -> Option<Range<usize>> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let left = (word >> 32) as usize..(word & u64::from(u32::MAX)) as usize;
            if left.is_empty() {
                return None;
            }
            let (taken, stays) = split(left);
            // That the word may have gone and come back between is no harm: these units can be taken now.
            let new = (stays.start as u64) << 32 | stays.end as u64;
            match self.0.compare_exchange_weak(word, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(taken),
                Err(found) => word = found,
            }
        }
    }
}

#[cfg(test)]
#[path = "../tests/units.rs"]
mod tests;
