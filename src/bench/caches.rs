//! The caches of one core, as the operating system describes them.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// One cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Size in bytes.
    pub bytes: usize,
    /// Lines that share a set.
    pub ways: usize,
}

/// Data caches, from the smallest to the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Caches {
    /// First level.
    pub l1: Cache,
    /// Second level.
    pub l2: Cache,
    /// Third level, or what a core gets of it.
    pub l3: Cache,
    /// Whether the system told all three; else those that it did not tell are assumed.
    pub known: bool,
}

/// Where the system does not tell.
const ASSUMED: Caches = Caches {
    l1: Cache { bytes: 32 << 10, ways: 8 },
    l2: Cache { bytes: 1 << 20, ways: 16 },
    l3: Cache { bytes: 32 << 20, ways: 16 },
    known: false,
};

impl Caches {
    /// The first core's caches.
    pub fn of_this_machine() -> Self {
        Self::read(Path::new("/sys/devices/system/cpu/cpu0/cache"))
    }

    fn read(folder: &Path) -> Self {
        let mut found = [None; 3];
        for index in fs::read_dir(folder).into_iter().flatten().flatten() {
            let text = |name: &str| fs::read_to_string(index.path().join(name)).map(|text| text.trim().to_owned()).ok();
            let level = text("level").and_then(|level| level.parse::<usize>().ok()).filter(|level| (1..=3).contains(level));
            if let (Some(level), Some(bytes), false) =
                (level, text("size").and_then(|size| bytes(&size)), text("type").as_deref() == Some("Instruction"))
            {
                let ways = text("ways_of_associativity").and_then(|ways| ways.parse().ok()).filter(|&ways| ways > 0);
                found[level - 1] = Some(Cache { bytes, ways: ways.unwrap_or(16) });
            }
        }
        let [l1, l2, l3] = found;
        Self {
            l1: l1.unwrap_or(ASSUMED.l1),
            l2: l2.unwrap_or(ASSUMED.l2),
            l3: l3.unwrap_or(ASSUMED.l3),
            known: found.iter().all(Option::is_some),
        }
    }
}

/// `32K`, `1M` or a plain number, not zero.
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
    fn caches_are_read_as_the_system_writes_them() {
        let dir = tempfile::tempdir().unwrap();
        let cache = |index: &str, level: &str, kind: &str, size: &str, ways: &str| {
            let folder = dir.path().join(index);
            fs::create_dir(&folder).unwrap();
            for (name, text) in [("level", level), ("type", kind), ("size", size), ("ways_of_associativity", ways)] {
                fs::write(folder.join(name), format!("{text}\n")).unwrap();
            }
        };
        assert_eq!(Caches::read(dir.path()), ASSUMED);
        cache("index0", "1", "Data", "48K", "12");
        cache("index1", "1", "Instruction", "32K", "8");
        cache("index2", "2", "Unified", "2M", "16");
        assert!(!Caches::read(dir.path()).known);
        cache("index3", "3", "Unified", "36608K", "11");
        let read = Caches::read(dir.path());
        assert_eq!((read.l1, read.l2), (Cache { bytes: 48 << 10, ways: 12 }, Cache { bytes: 2 << 20, ways: 16 }));
        assert_eq!((read.l3, read.known), (Cache { bytes: 36608 << 10, ways: 11 }, true));
    }
}
