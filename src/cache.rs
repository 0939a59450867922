//! Compiled programs, found by the content they were built from.
//!
//! An entry is a folder named by the digest of a crate's files. Its library is named by the digest of its own bytes and renamed into
//! place, so that a kill leaves it whole or absent, and damage shows when it is opened. Its lock lets one process build while
//! others wait; the system frees it when its holder ends, however that ends.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::generate::Generated;
use crate::output;

/// Environment variable that names the cache's folder.
pub const CACHE_VARIABLE: &str = "SARTOR_CACHE";

/// The folder of the entries in the cache's.
const PROGRAMS: &str = "programs";
const LOCK: &str = "lock";

/// The cache's folder: [`CACHE_VARIABLE`], or `sartor` in the platform's place for caches.
pub fn folder() -> PathBuf {
    match std::env::var_os(CACHE_VARIABLE) {
        Some(folder) if !folder.is_empty() => folder.into(),
        _ => dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("sartor"),
    }
}

/// The place of a program in the cache.
pub(crate) struct Entry(PathBuf);

impl Entry {
    /// The entry of a generated crate in the cache at `folder`.
    pub fn of(generated: &Generated, folder: &Path) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (path, bytes) in &generated.files {
            for part in [path.as_os_str().as_encoded_bytes(), bytes] {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
            }
        }
        hasher.update(env!("SARTOR_TARGET").as_bytes());
        Self(folder.join(PROGRAMS).join(&hasher.finalize().to_hex()[..32]))
    }

    /// The library, if there is one that is what was stored. One that is not is reported and removed.
    pub fn library(&self) -> Option<PathBuf> {
        let files = std::fs::read_dir(&self.0).ok()?.flatten().map(|entry| entry.path());
        let mut libraries = files.filter(|file| file.extension().is_some_and(|e| e == std::env::consts::DLL_EXTENSION));
        libraries.find(|library| {
            let sound = digest_of(library).is_ok_and(|digest| library.file_stem().is_some_and(|stem| *stem == *digest));
            if !sound {
                log::warn!("{} is damaged: the program is built again", library.display());
                // Where it cannot be removed, it is found damaged again.
                let _ = std::fs::remove_file(library);
            }
            sound
        })
    }

    /// The right to build the entry, until the file is closed. Waits while another process has it.
    pub fn lock(&self) -> io::Result<File> {
        std::fs::create_dir_all(&self.0)?;
        let file = File::create(self.0.join(LOCK))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                log::info!("another process is building this program: waiting for it");
                file.lock()?;
            }
            // A file system without locks: two processes may do the same work, each in a folder of its own.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            outcome => outcome?,
        }
        Ok(file)
    }

    /// An empty folder beside the entry to build in.
    pub fn staging(&self) -> io::Result<output::Staging> {
        output::staging_dir(&self.0)
    }

    /// Stores `library`, a file on the file system of the cache.
    pub fn store(&self, library: &Path) -> io::Result<PathBuf> {
        let place = self.0.join(digest_of(library)?).with_extension(std::env::consts::DLL_EXTENSION);
        std::fs::rename(library, &place)?;
        Ok(place)
    }
}

fn digest_of(file: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut File::open(file)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(text: &str) -> Generated {
        Generated { files: vec![("a".into(), text.into())], plans: Vec::new() }
    }

    fn store(entry: &Entry, bytes: &[u8]) -> PathBuf {
        let _lock = entry.lock().unwrap();
        let staging = entry.staging().unwrap();
        let library = staging.path().join("built");
        std::fs::write(&library, bytes).unwrap();
        entry.store(&library).unwrap()
    }

    #[test]
    fn content_decides_the_entry() {
        let name = |files: &[(&str, &str)]| {
            let files = files.iter().map(|&(path, text)| (path.into(), text.into())).collect();
            Entry::of(&Generated { files, plans: Vec::new() }, Path::new("")).0
        };
        assert_eq!(name(&[("a", "b")]), name(&[("a", "b")]));
        let all = [name(&[("a", "b")]), name(&[("ab", "")]), name(&[("a", "c")]), name(&[("a", "b"), ("", "")])];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(one));
        }
    }

    #[test]
    fn damaged_entries_do_not_count_and_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let entry = Entry::of(&generated("x"), dir.path());
        assert_eq!(entry.library(), None);
        for damage in [&b"wrong"[..], b"righ", b"right and more", b""] {
            let library = store(&entry, b"right");
            assert_eq!(entry.library(), Some(library.clone()));
            std::fs::write(&library, damage).unwrap();
            assert_eq!(entry.library(), None);
            assert!(!library.exists());
        }
        assert_eq!(std::fs::read(store(&entry, b"right")).unwrap(), b"right");
        assert_eq!(std::fs::read_dir(dir.path().join(PROGRAMS)).unwrap().count(), 1, "nothing is left behind");
        assert_eq!(std::fs::read_dir(&entry.0).unwrap().count(), 2, "a library and the lock");
    }

    #[test]
    fn one_builds_and_the_others_take_what_it_built() {
        let dir = tempfile::tempdir().unwrap();
        let built = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let entry = Entry::of(&generated("x"), dir.path());
                    let _lock = entry.lock().unwrap();
                    if entry.library().is_none() {
                        built.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let staging = entry.staging().unwrap();
                        std::fs::write(staging.path().join("built"), b"right").unwrap();
                        entry.store(&staging.path().join("built")).unwrap();
                    }
                    assert!(entry.library().is_some());
                });
            }
        });
        assert_eq!(built.into_inner(), 1);
    }
}
