//! The traffic between the caches of one core, by replaying accesses: sets of lines, least recently used goes first, writes
//! allocate. What the machine's own prefetchers do changes when a line comes, not how many come.

use crate::tuning::cpu_caches::{Cache, Caches};

/// Bytes of a line.
pub const LINE: usize = 64;

/// Bytes that went between neighbouring levels, in either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    /// Between L1 and L2.
    pub l2: u64,
    /// Between L2 and L3.
    pub l3: u64,
    /// Between L3 and memory.
    pub dram: u64,
}

/// One cache: for each set its lines, the most recently used first.
#[derive(Debug)]
struct Level {
    ways: usize,
    sets: usize,
    /// Line number and whether it was written; `EMPTY` for none.
    lines: Vec<(u64, bool)>,
}

const EMPTY: u64 = u64::MAX;

impl Level {
    fn new(cache: Cache) -> Self {
        let sets = (cache.bytes / LINE / cache.ways).max(1);
        Self { ways: cache.ways, sets, lines: vec![(EMPTY, false); sets * cache.ways] }
    }

    /// Uses a line. Says whether it was there, and which written line had to go for it.
    fn touch(&mut self, line: u64, write: bool) -> (bool, Option<u64>) {
        let set = (line % self.sets as u64) as usize * self.ways;
        let set = &mut self.lines[set..set + self.ways];
        let at = set.iter().position(|&(present, _)| present == line);
        let end = at.unwrap_or(set.len() - 1);
        let (old, dirty) = set[end];
        set.copy_within(..end, 1);
        set[0] = (line, write || (at.is_some() && dirty));
        (at.is_some(), (at.is_none() && dirty && old != EMPTY).then_some(old))
    }
}

/// Three levels of caches and what went between them.
#[derive(Debug)]
pub struct Hierarchy {
    levels: [Level; 3],
    /// So far.
    pub traffic: Traffic,
}

impl Hierarchy {
    /// Empty caches.
    pub fn new(caches: &Caches) -> Self {
        Self { levels: [caches.l1, caches.l2, caches.l3].map(Level::new), traffic: Traffic::default() }
    }

    /// A load or store of a line.
    pub fn access(&mut self, line: u64, write: bool) {
        self.touch(0, line, write);
    }

    /// A prefetch of a line into L2.
    pub fn prefetch(&mut self, line: u64) {
        self.touch(1, line, false);
    }

    fn touch(&mut self, level: usize, line: u64, write: bool) {
        let (hit, evicted) = self.levels[level].touch(line, write);
        if !hit {
            self.count(level, line, false);
        }
        if let Some(line) = evicted {
            self.count(level, line, true);
        }
    }

    /// A line that moves between a level and the next, which is asked for it or gets it back.
    fn count(&mut self, level: usize, line: u64, write: bool) {
        let traffic = [&mut self.traffic.l2, &mut self.traffic.l3, &mut self.traffic.dram];
        *traffic[level] += LINE as u64;
        if level < 2 {
            self.touch(level + 1, line, write);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    fn caches() -> Caches {
        let cache = |kib: usize| Cache { bytes: kib << 10, ways: 4 };
        Caches { l1: cache(4), l2: cache(16), l3: cache(64), known: true }
    }

    fn sweep(bytes: u64, write: bool, times: usize) -> Traffic {
        let mut hierarchy = Hierarchy::new(&caches());
        for _ in 0..times {
            (0..bytes / LINE as u64).for_each(|line| hierarchy.access(line, write));
        }
        hierarchy.traffic
    }

    #[test]
    fn what_fits_is_loaded_once_and_what_does_not_again_and_again() {
        assert_eq!(sweep(4 * KIB, false, 3), Traffic { l2: 4 * KIB, l3: 4 * KIB, dram: 4 * KIB });
        assert_eq!(sweep(8 * KIB, false, 3), Traffic { l2: 24 * KIB, l3: 8 * KIB, dram: 8 * KIB });
        assert_eq!(sweep(32 * KIB, false, 3), Traffic { l2: 96 * KIB, l3: 96 * KIB, dram: 32 * KIB });
    }

    #[test]
    fn what_is_written_goes_back() {
        // All 8 KiB come in, and all but what L1 still holds has gone back.
        assert_eq!(sweep(8 * KIB, true, 1), Traffic { l2: 12 * KIB, l3: 8 * KIB, dram: 8 * KIB });
    }

    #[test]
    fn a_prefetch_takes_the_load_to_l2() {
        let mut hierarchy = Hierarchy::new(&caches());
        hierarchy.prefetch(7);
        assert_eq!(hierarchy.traffic, Traffic { l2: 0, l3: 64, dram: 64 });
        hierarchy.access(7, false);
        assert_eq!(hierarchy.traffic, Traffic { l2: 64, l3: 64, dram: 64 });
    }
}
