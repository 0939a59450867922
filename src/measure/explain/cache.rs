//! A model of the caches of one core, which counts the traffic between them as accesses are replayed. A cache has sets of lines;
//! the line that was used least recently is evicted, and writes allocate lines. The CPU's own prefetchers are left out: they
//! change when a line is loaded, not how many are.

use crate::tuning::cpu_caches::{Cache, Caches};

/// Bytes of a line.
pub const LINE: usize = 64;

/// Bytes that moved between neighbouring levels, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    /// Between L1 and L2.
    pub l2: u64,
    /// Between L2 and L3.
    pub l3: u64,
    /// Between L3 and memory.
    pub dram: u64,
}

/// One cache. Each set holds its lines, the most recently used first.
#[derive(Debug)]
struct Level {
    ways: usize,
    sets: usize,
    /// The number of each line and whether it was written; `EMPTY` where there is none.
    lines: Vec<(u64, bool)>,
}

const EMPTY: u64 = u64::MAX;

impl Level {
    fn new(cache: Cache) -> Self {
        let sets = (cache.bytes / LINE / cache.ways).max(1);
        Self { ways: cache.ways, sets, lines: vec![(EMPTY, false); sets * cache.ways] }
    }

    /// Uses a line. Returns whether it was in the cache, and the written line that was evicted for it, if there was one.
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

/// Three levels of caches, and the traffic between them.
#[derive(Debug)]
pub struct Hierarchy {
    levels: [Level; 3],
    /// The traffic so far.
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

    /// Moves a line between a level and the next: the next level is read for it, or the line is written back to it.
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
