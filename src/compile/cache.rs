//! The cache of compiled programs.
//!
//! An entry is a folder. Its name is the digest of a crate's files and of the flags that the crate is built with. A library in it is named by
//! the version of rustc that built it and the digest of its own bytes, so damage is noticed when the library is opened. Libraries are renamed
//! into place: if a process is killed, a library is whole or absent. A lock lets one process build while others wait; the system
//! releases it when the process ends for whatever reason. All folders are [private]: no other user can put anything there.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sartor_models::escape;

use crate::compile::generate::Generated;
use crate::compile::rustc;
use crate::files::cache_folder::{self, CacheError};
use crate::files::{output, private};

/// The folder in the cache that holds the entries.
const PROGRAMS: &str = "programs";
const LOCK: &str = "lock";

/// The folder of one program in the cache.
pub(crate) struct CacheEntry {
    folder: PathBuf,
    /// Whether the user named the cache.
    named: bool,
}

impl CacheEntry {
    /// Opens the entry of a generated crate. It is made if it is missing.
    ///
    /// # Errors
    /// As [`cache_folder::open`].
    pub fn open(generated: &Generated) -> Result<Self, CacheError> {
        let (_, named) = cache_folder::place()?;
        Self::of(generated, &cache_folder::open()?, named)
    }

    /// The same, in the cache at `cache`.
    pub fn of(generated: &Generated, cache: &Path, named: bool) -> Result<Self, CacheError> {
        let folder = cache.join(PROGRAMS).join(name(generated));
        let made = private::folder(&folder);
        made.map(|folder| Self { folder, named }).map_err(|source| CacheError::Unusable { folder, source, named })
    }

    fn error(&self, source: io::Error) -> CacheError {
        CacheError::Unusable { folder: self.folder.clone(), source, named: self.named }
    }

    /// The entry's library that was built by a rustc of version `rustc`, or by any version if that is not known. A damaged
    /// library is reported, removed and not returned.
    pub fn library(&self, rustc: Option<&str>) -> Option<PathBuf> {
        let files = std::fs::read_dir(&self.folder).ok()?.flatten().map(|entry| entry.path());
        let mut libraries: Vec<PathBuf> =
            files.filter(|file| file.extension().is_some_and(|e| e == std::env::consts::DLL_EXTENSION)).collect();
        libraries.sort();
        let built_by = rustc.map(short);
        libraries.into_iter().find(|library| {
            let (version, digest) = library.file_stem().and_then(|stem| stem.to_str()?.split_once('-')).unwrap_or_default();
            if built_by.as_ref().is_some_and(|built_by| !version.is_empty() && built_by != version) {
                return false;
            }
            let sound = digest_of(library).is_ok_and(|found| found == digest);
            if !sound {
                log::warn!("{} is damaged; the program is built again", escape::path(library));
                // If it cannot be removed, it is found damaged the next time too.
                let _ = output::remove(library);
            }
            sound
        })
    }

    /// Takes the lock that gives the right to build the entry, until the file is closed. Waits while another process holds it.
    pub fn lock(&self) -> Result<File, CacheError> {
        self.locked().map_err(|source| self.error(source))
    }

    fn locked(&self) -> io::Result<File> {
        let path = self.folder.join(LOCK);
        // Sartor put nothing but a file there, and nothing in the cache is worth keeping.
        output::remove_unless_file(&path)?;
        let file = private::open_lock(&path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                log::info!("waiting for another process that is building this program");
                file.lock()?;
            }
            // The file system has no locks. Two processes may do the same work then, each in a folder of its own.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            outcome => outcome?,
        }
        Ok(file)
    }

    /// Stores a copy of `library`, which a rustc of version `rustc` built.
    pub fn store(&self, library: &Path, rustc: &str) -> Result<PathBuf, CacheError> {
        self.stored(library, rustc).map_err(|source| self.error(source))
    }

    fn stored(&self, library: &Path, rustc: &str) -> io::Result<PathBuf> {
        let name = format!("{}-{}", short(rustc), digest_of(library)?);
        let place = self.folder.join(name).with_extension(std::env::consts::DLL_EXTENSION);
        // Only a regular file may be there: a pipe would be written to, and a link followed.
        output::remove_unless_file(&place)?;
        output::copy_file(library, &place)?;
        Ok(place)
    }
}

/// The name of a crate's entry: a digest of all that a library's bytes depend on, except the version of rustc.
fn name(generated: &Generated) -> String {
    let mut hasher = blake3::Hasher::new();
    let files = generated.files.iter().flat_map(|(path, bytes)| [path.as_os_str().as_encoded_bytes(), bytes]);
    for part in files.chain(rustc::FLAGS.map(str::as_bytes)).chain([env!("SARTOR_TARGET").as_bytes()]) {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().to_hex()[..32].into()
}

/// A digest of what `rustc -vV` prints.
fn short(rustc: &str) -> String {
    blake3::hash(rustc.as_bytes()).to_hex()[..16].into()
}

fn digest_of(file: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut private::open(file)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUSTC: &str = "rustc 1.89.0";

    fn generated(text: &str) -> Generated {
        Generated { files: vec![("a".into(), text.into())], plans: Vec::new() }
    }

    fn entry(folder: &Path) -> CacheEntry {
        CacheEntry::of(&generated("x"), folder, true).unwrap()
    }

    fn store(entry: &CacheEntry, bytes: &[u8], rustc: &str) -> PathBuf {
        let _lock = entry.lock().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("built");
        std::fs::write(&library, bytes).unwrap();
        entry.store(&library, rustc).unwrap()
    }

    #[test]
    fn content_decides_the_entry() {
        let name = |files: &[(&str, &str)]| {
            let files = files.iter().map(|&(path, text)| (path.into(), text.into())).collect();
            name(&Generated { files, plans: Vec::new() })
        };
        assert_eq!(name(&[("a", "b")]), name(&[("a", "b")]));
        let all = [name(&[("a", "b")]), name(&[("ab", "")]), name(&[("a", "c")]), name(&[("a", "b"), ("", "")])];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(one));
        }
    }

    #[test]
    fn the_version_of_rustc_decides_the_library() {
        let dir = tempfile::tempdir().unwrap();
        let entry = entry(dir.path());
        let old = store(&entry, b"old", RUSTC);
        assert_eq!(entry.library(Some(RUSTC)), Some(old.clone()));
        assert_eq!(entry.library(Some("rustc 1.90.0")), None, "another rustc builds another");
        let new = store(&entry, b"new", "rustc 1.90.0");
        assert_eq!([entry.library(Some(RUSTC)), entry.library(Some("rustc 1.90.0"))], [Some(old.clone()), Some(new.clone())]);
        assert!([old, new].contains(&entry.library(None).unwrap()), "without rustc, what was built before is taken");
    }

    #[test]
    fn damaged_entries_do_not_count_and_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let entry = entry(dir.path());
        assert_eq!(entry.library(Some(RUSTC)), None);
        for damage in [&b"wrong"[..], b"righ", b"right and more", b""] {
            let library = store(&entry, b"right", RUSTC);
            assert_eq!(entry.library(Some(RUSTC)), Some(library.clone()));
            std::fs::write(&library, damage).unwrap();
            assert_eq!(entry.library(Some(RUSTC)), None);
            assert!(!library.exists());
        }
        assert_eq!(std::fs::read(store(&entry, b"right", RUSTC)).unwrap(), b"right");
        assert_eq!(std::fs::read_dir(dir.path().join(PROGRAMS)).unwrap().count(), 1, "nothing is left behind");
        assert_eq!(std::fs::read_dir(&entry.folder).unwrap().count(), 2, "a library and the lock");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_in_place_of_a_library_or_the_lock_is_replaced() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let entry = entry(dir.path());
        let (place, lock) = (store(&entry, b"right", RUSTC), entry.folder.join(LOCK));
        let precious = dir.path().join("precious");
        std::fs::write(&precious, "mine").unwrap();
        let pipe = |path: &Path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        let folder = |path: &Path| std::fs::create_dir_all(path.join("with/more")).unwrap();
        let link = |path: &Path| symlink(&precious, path).unwrap();
        for put in [&pipe as &dyn Fn(&Path), &folder, &link] {
            for path in [&place, &lock] {
                output::remove(path).unwrap();
                put(path);
            }
            assert_eq!(entry.library(Some(RUSTC)), None);
            put(&place);
            assert_eq!(store(&entry, b"right", RUSTC), place);
            assert_eq!(entry.library(Some(RUSTC)), Some(place.clone()));
            assert!(std::fs::symlink_metadata(&lock).unwrap().is_file());
            assert_eq!(std::fs::read(&precious).unwrap(), b"mine");
        }
        assert_eq!(std::fs::read_dir(&entry.folder).unwrap().count(), 2, "a library and the lock");
    }

    #[test]
    fn one_builds_and_the_others_take_what_it_built() {
        let dir = tempfile::tempdir().unwrap();
        let built = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let entry = entry(dir.path());
                    let _lock = entry.lock().unwrap();
                    if entry.library(Some(RUSTC)).is_none() {
                        built.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let library = dir.path().join("built");
                        std::fs::write(&library, b"right").unwrap();
                        entry.store(&library, RUSTC).unwrap();
                    }
                    assert!(entry.library(Some(RUSTC)).is_some());
                });
            }
        });
        assert_eq!(built.into_inner(), 1);
    }
}
