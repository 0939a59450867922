//! Compiled programs, found by the content they were built from.
//!
//! An entry is a folder named by the digest of the crate's files. It holds the shared library and the library's own digest, and
//! is renamed into place when complete, so that any number of processes can share the cache without locks.

use std::io;
use std::path::{Path, PathBuf};

use crate::generate::Generated;

use crate::output;

/// Environment variable that names the cache's folder.
pub const CACHE_VARIABLE: &str = "SARTOR_CACHE";

const LIBRARY: &str = if cfg!(windows) { "program.dll" } else { "program.so" };
const DIGEST: &str = "digest";

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
        Self(folder.join(&hasher.finalize().to_hex()[..32]))
    }

    /// The library, unless there is none or it is not what was stored.
    pub fn library(&self) -> Option<PathBuf> {
        let library = self.0.join(LIBRARY);
        let digest = std::fs::read_to_string(self.0.join(DIGEST)).ok()?;
        (digest == digest_of(&library).ok()?).then_some(library)
    }

    /// An empty folder beside the entry to build in.
    pub fn staging(&self) -> io::Result<tempfile::TempDir> {
        output::staging_dir(&self.0)
    }

    /// Stores `library`, a file in `staging`. If another process was faster, its library is kept.
    pub fn store(&self, library: &Path, staging: &Path) -> io::Result<PathBuf> {
        let new = staging.join("entry");
        std::fs::create_dir(&new)?;
        std::fs::rename(library, new.join(LIBRARY))?;
        std::fs::write(new.join(DIGEST), digest_of(&new.join(LIBRARY))?)?;
        if let Some(library) = self.library() {
            return Ok(library);
        }
        match output::replace_dir(&new, &self.0) {
            Err(error) => self.library().ok_or(error),
            Ok(()) => Ok(self.0.join(LIBRARY)),
        }
    }
}

fn digest_of(file: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut std::fs::File::open(file)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(text: &str) -> Generated {
        Generated { files: vec![("a".into(), text.into())], plans: Vec::new() }
    }

    fn store(entry: &Entry, bytes: &[u8]) -> PathBuf {
        let staging = entry.staging().unwrap();
        let library = staging.path().join("built");
        std::fs::write(&library, bytes).unwrap();
        entry.store(&library, staging.path()).unwrap()
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
        let library = store(&entry, b"right");
        assert_eq!(entry.library(), Some(library.clone()));
        std::fs::write(&library, b"wrong").unwrap();
        assert_eq!(entry.library(), None);
        assert_eq!(std::fs::read(store(&entry, b"right")).unwrap(), b"right");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_sound_entry_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let entry = Entry::of(&generated("x"), dir.path());
        store(&entry, b"first");
        assert_eq!(std::fs::read(store(&entry, b"second")).unwrap(), b"first");
    }
}
