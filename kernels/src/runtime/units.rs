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
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn shares(units: usize, threads: usize) -> Vec<Share> {
        let shares: Vec<Share> = (0..threads).map(|_| Share::default()).collect();
        shares.iter().enumerate().for_each(|(thread, share)| share.put(units, thread, threads));
        shares
    }

    #[test]
    fn a_range_is_run_in_order() {
        let mut units = Units::of(3..6);
        assert_eq!(units.by_ref().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!((units.run(), units.next()), (3, None));
        assert_eq!(Units::of(2..2).next(), None);
        #[allow(clippy::reversed_empty_ranges)]
        let backwards = Units::of(3..2);
        assert_eq!(backwards.count(), 0);
    }

    #[test]
    fn shares_are_as_even_as_can_be_and_taken_in_order() {
        for (units, threads) in [(0, 1), (1, 1), (7, 1), (7, 2), (2, 3), (100, 7), (Share::MOST, 2)] {
            let shares = shares(units, threads);
            let bounds = shares.iter().map(|share| share.0.load(Ordering::Relaxed)).map(|word| (word >> 32, word & 0xffff_ffff));
            let lens: Vec<u64> = bounds.map(|(begin, end)| end - begin).collect();
            assert_eq!(lens.iter().sum::<u64>(), units as u64);
            assert!(lens.iter().max().unwrap() - lens.iter().min().unwrap() <= 1, "{lens:?}");
        }
        let shares = shares(7, 2);
        assert_eq!(Units::claim(&shares, 0).unwrap().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(Units::claim(&shares, 1).unwrap().take(2).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn who_has_none_left_takes_half_of_another_share_from_the_back() {
        let shares = shares(12, 2);
        assert_eq!(Units::claim(&shares, 0).unwrap().count(), 6);
        let mut other = Units::claim(&shares, 1).unwrap();
        assert_eq!(other.next(), Some(6));
        // 7 to 11 are left: the middle one is taken too.
        let stolen = Units::claim(&shares, 0).unwrap();
        assert_eq!(stolen.collect::<Vec<_>>(), [9, 10, 11]);
        assert_eq!(Units::claim(&shares, 0).unwrap().collect::<Vec<_>>(), [8]);
        assert_eq!(other.next(), Some(7));
        assert!(other.next().is_none() && Units::claim(&shares, 0).is_none() && Units::claim(&shares, 1).is_none());
    }

    #[test]
    fn each_unit_is_run_once_whoever_takes_it_and_after_the_one_before() {
        const UNITS: usize = 5000;
        for threads in [2, 3, 8] {
            let shares = shares(UNITS, threads);
            let seen: Vec<AtomicUsize> = (0..UNITS).map(|_| AtomicUsize::new(0)).collect();
            let run = |thread: usize| {
                while let Some(units) = Units::claim(&shares, thread) {
                    let mut last = None;
                    for unit in units {
                        assert!(last.is_none_or(|last| last + 1 == unit), "{unit} after {last:?}");
                        last = Some(unit);
                        seen[unit].fetch_add(1, Ordering::Relaxed);
                    }
                }
            };
            std::thread::scope(|scope| {
                // Joined one by one: ThreadSanitizer does not see how a scope waits.
                let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            });
            assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed) == 1), "{threads} threads");
        }
    }
}
