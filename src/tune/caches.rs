//! The sizes of a core's caches.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Bytes of the data caches that one core sees; 0 where there is none or it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Caches {
    /// First level, for data.
    pub l1: u64,
    /// Second level.
    pub l2: u64,
    /// Third level, shared by cores.
    pub l3: u64,
}

/// Where Linux tells.
const FOLDER: &str = "/sys/devices/system/cpu/cpu0/cache";

impl Caches {
    /// Those of this machine.
    pub fn here() -> Self {
        Self::read(Path::new(FOLDER))
    }

    fn read(folder: &Path) -> Self {
        let mut caches = Self { l1: 0, l2: 0, l3: 0 };
        for index in 0..16 {
            let text = |name: &str| std::fs::read_to_string(folder.join(format!("index{index}")).join(name));
            let (Ok(level), Ok(kind), Ok(size)) = (text("level"), text("type"), text("size")) else { continue };
            let Some(size) = bytes(size.trim()).filter(|_| kind.trim() != "Instruction") else { continue };
            match level.trim() {
                "1" => caches.l1 = size,
                "2" => caches.l2 = size,
                "3" => caches.l3 = size,
                _ => {}
            }
        }
        caches
    }

    /// How far apart two machines are, in factors of two over all levels; `None` if what fits one's first or second level may not
    /// fit the other's.
    pub fn distance(self, other: Self) -> Option<f64> {
        let factor = |a: u64, b: u64| (a.max(1) as f64 / b.max(1) as f64).log2().abs();
        let near = factor(self.l1, other.l1) <= 1.0 && factor(self.l2, other.l2) <= 1.0;
        near.then(|| factor(self.l1, other.l1) + factor(self.l2, other.l2) + factor(self.l3, other.l3))
    }
}

/// Sizes as Linux writes them: `32K`, `1M` or plain bytes.
fn bytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

impl fmt::Display for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { l1, l2, l3 } = self;
        write!(f, "L1 {} KiB, L2 {} KiB, L3 {} KiB", l1 >> 10, l2 >> 10, l3 >> 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_linux_writes_them() {
        assert_eq!(
            ["32K", "1M", "512", "", "K", "x", "99999999999999999999K"].map(bytes)[..3],
            [Some(32768), Some(1 << 20), Some(512)]
        );
        assert!(["", "K", "x", "99999999999999999999K", "9999999999999999999K"].map(bytes).iter().all(Option::is_none));
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Caches::read(dir.path()), Caches { l1: 0, l2: 0, l3: 0 });
        for (index, (level, kind, size)) in
            [("1", "Instruction", "64K"), ("1", "Data", "48K"), ("2", "Unified", "2M"), ("3", "Unified", "32768K")]
                .iter()
                .enumerate()
        {
            let folder = dir.path().join(format!("index{index}"));
            std::fs::create_dir(&folder).unwrap();
            [("level", level), ("type", kind), ("size", size)]
                .map(|(name, text)| std::fs::write(folder.join(name), format!("{text}\n")).unwrap());
        }
        assert_eq!(Caches::read(dir.path()), Caches { l1: 48 << 10, l2: 2 << 20, l3: 32 << 20 });
    }

    #[test]
    fn machines_are_near_if_the_private_caches_are() {
        let caches = |l1: u64, l2: u64, l3: u64| Caches { l1: l1 << 10, l2: l2 << 10, l3: l3 << 10 };
        let here = caches(32, 1024, 32768);
        assert_eq!(here.distance(here), Some(0.0));
        assert_eq!(here.distance(caches(48, 2048, 16384)).map(|d| d > 2.0), Some(true));
        assert_eq!(here.distance(caches(32, 256, 32768)), None);
        assert_eq!(here.distance(caches(0, 0, 0)), None);
    }
}
