//! Sizes of one core's data caches, as the operating system gives them.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Size in bytes.
    pub bytes: usize,
    /// Lines of a set.
    pub ways: usize,
}

/// The caches of one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Caches {
    /// First level.
    pub l1: Cache,
    /// Second level.
    pub l2: Cache,
    /// Third level; the whole of it, though cores share it.
    pub l3: Cache,
    /// Whether the system gives all three. Usual sizes are assumed for those that it does not give.
    pub known: bool,
}

/// Assumed where the system gives no size.
const ASSUMED: Caches = Caches {
    l1: Cache { bytes: 32 << 10, ways: 8 },
    l2: Cache { bytes: 1 << 20, ways: 16 },
    l3: Cache { bytes: 32 << 20, ways: 16 },
    known: false,
};

impl Caches {
    /// Those of the first core.
    pub fn here() -> Self {
        found(Path::new(FOLDER)).into()
    }
}

impl From<Found> for Caches {
    fn from(found: Found) -> Self {
        let [l1, l2, l3] = found;
        Self {
            l1: l1.unwrap_or(ASSUMED.l1),
            l2: l2.unwrap_or(ASSUMED.l2),
            l3: l3.unwrap_or(ASSUMED.l3),
            known: found.iter().all(Option::is_some),
        }
    }
}

/// The size of each cache in bytes; 0 if there is none or the system does not give it. A tuning is kept for each level and each such triple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sizes {
    /// First level.
    pub l1: u64,
    /// Second level.
    pub l2: u64,
    /// Third level, shared by cores.
    pub l3: u64,
}

impl Sizes {
    /// Those of the first core.
    pub fn here() -> Self {
        found(Path::new(FOLDER)).into()
    }

    /// How much the caches of two machines differ: the sum of the base-2 logarithms of the ratios of the second and third levels. `None` if
    /// the second levels differ by more than a factor of two: then what fits the one may not fit the other. `None` too if the first levels
    /// differ: then the cores are of another make, whose loads and multiply-adds have other rates, and other tiles are fastest.
    pub fn distance(self, other: Self) -> Option<f64> {
        let factor = |a: u64, b: u64| (a.max(1) as f64 / b.max(1) as f64).log2().abs();
        let near = self.l1 == other.l1 && factor(self.l2, other.l2) <= 1.0;
        near.then(|| factor(self.l2, other.l2) + factor(self.l3, other.l3))
    }
}

impl From<Found> for Sizes {
    fn from(found: Found) -> Self {
        let [l1, l2, l3] = found.map(|cache| cache.map_or(0, |cache| cache.bytes as u64));
        Self { l1, l2, l3 }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { l1, l2, l3 } = self;
        write!(f, "L1 {} KiB, L2 {} KiB, L3 {} KiB", l1 >> 10, l2 >> 10, l3 >> 10)
    }
}

/// Where Linux gives the sizes.
const FOLDER: &str = "/sys/devices/system/cpu/cpu0/cache";

/// The three levels, as far as the system gives them.
type Found = [Option<Cache>; 3];

fn found(folder: &Path) -> Found {
    let mut found = [None; 3];
    for index in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let text = |name: &str| std::fs::read_to_string(index.path().join(name)).map(|text| text.trim().to_owned()).ok();
        let level = text("level").and_then(|level| level.parse::<usize>().ok()).filter(|level| (1..=3).contains(level));
        if let (Some(level), Some(bytes), Some(true)) =
            (level, text("size").and_then(|size| bytes(&size)), text("type").map(|kind| kind != "Instruction"))
        {
            let ways = text("ways_of_associativity").and_then(|ways| ways.parse().ok()).filter(|&ways| ways > 0);
            found[level - 1] = Some(Cache { bytes, ways: ways.unwrap_or(16) });
        }
    }
    found
}

/// Reads a size as Linux writes it: `32K`, `1M` or a number of bytes. `None` for zero.
fn bytes(size: &str) -> Option<usize> {
    let (digits, unit) = match size.as_bytes().last()? {
        b'K' => (&size[..size.len() - 1], 1 << 10),
        b'M' => (&size[..size.len() - 1], 1 << 20),
        _ => (size, 1),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit).filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_a_unit() {
        assert_eq!(["32K", "1M", "512"].map(bytes), [Some(32768), Some(1 << 20), Some(512)]);
        for wrong in ["", "K", "x", "0K", "99999999999999999999K", "9999999999999999999K"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn caches_are_read_as_the_system_writes_them() {
        let dir = tempfile::tempdir().unwrap();
        let cache = |index: &str, level: &str, kind: &str, size: &str, ways: &str| {
            let folder = dir.path().join(index);
            std::fs::create_dir(&folder).unwrap();
            for (name, text) in [("level", level), ("type", kind), ("size", size), ("ways_of_associativity", ways)] {
                std::fs::write(folder.join(name), format!("{text}\n")).unwrap();
            }
        };
        let found = || found(dir.path());
        assert_eq!(Caches::from(found()), ASSUMED);
        assert_eq!(Sizes::from(found()), Sizes { l1: 0, l2: 0, l3: 0 });
        cache("index0", "1", "Data", "48K", "12");
        cache("index1", "1", "Instruction", "32K", "8");
        cache("index2", "2", "Unified", "2M", "16");
        assert!(!Caches::from(found()).known);
        assert_eq!(Sizes::from(found()), Sizes { l1: 48 << 10, l2: 2 << 20, l3: 0 });
        cache("index3", "3", "Unified", "36608K", "11");
        let read = Caches::from(found());
        assert_eq!((read.l1, read.l2), (Cache { bytes: 48 << 10, ways: 12 }, Cache { bytes: 2 << 20, ways: 16 }));
        assert_eq!((read.l3, read.known), (Cache { bytes: 36608 << 10, ways: 11 }, true));
        assert_eq!(Sizes::from(found()), Sizes { l1: 48 << 10, l2: 2 << 20, l3: 36608 << 10 });
    }

    #[test]
    fn machines_are_near_if_the_private_caches_are() {
        let sizes = |l1: u64, l2: u64, l3: u64| Sizes { l1: l1 << 10, l2: l2 << 10, l3: l3 << 10 };
        let here = sizes(32, 1024, 32768);
        assert_eq!(here.distance(here), Some(0.0));
        assert_eq!(here.distance(sizes(32, 2048, 16384)), Some(2.0));
        assert_eq!(here.distance(sizes(48, 2048, 16384)), None);
        assert_eq!(here.distance(sizes(32, 256, 32768)), None);
        assert_eq!(here.distance(sizes(0, 0, 0)), None);
    }
}
