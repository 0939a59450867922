//! Compiled programs, found by the content they were built from.
//!
//! An entry is a folder named by the digest of a crate's files and of how they are built. Its libraries are named by the version of
//! rustc that built them and the digest of their own bytes, and renamed into place, so that a kill leaves them whole or absent, and
//! damage shows when one is opened. Its lock lets one process build while others wait; the system frees it when its holder ends, however
//! that ends. All is in folders that are [private]: nobody else has put anything there.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sartor_models::escape;

use crate::compile::generate::Generated;
use crate::compile::rustc;
use crate::files::{output, private};

/// Environment variable that names the cache's folder.
pub const CACHE_VARIABLE: &str = "SARTOR_CACHE";

/// The folder of the entries in the cache's.
const PROGRAMS: &str = "programs";
const LOCK: &str = "lock";

/// A cache that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The system has no place for it.
    #[error("there is no place for a cache, as HOME is not set: {CACHE_VARIABLE} names a folder")]
    Nowhere,
    /// It cannot be made, read or written, or others can write there.
    #[error("cannot use the cache {}: {source}; {CACHE_VARIABLE} names another folder", escape::path(folder))]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
        /// Whether [`CACHE_VARIABLE`] or [`set_folder`] named it.
        named: bool,
    },
}

impl CacheError {
    /// Whether the user named the cache, so that to do without it would not be what was asked for.
    pub(crate) fn is_of_named(&self) -> bool {
        matches!(self, CacheError::Unusable { named: true, .. })
    }
}

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Keeps the cache of this process in `folder`, whatever the environment says. The first call decides.
pub fn set_folder(folder: impl Into<PathBuf>) {
    // Fails if it was done before.
    let _ = FOLDER.set(folder.into());
}

/// The cache's folder, made if there is none: [`CACHE_VARIABLE`], or `sartor` in the platform's place for caches.
///
/// # Errors
/// If there is no place for one, it cannot be made, or anybody but this user can change what is in it.
pub fn folder() -> Result<PathBuf, CacheError> {
    let (folder, named) = place()?;
    private::folder(&folder).map_err(|source| CacheError::Unusable { folder, source, named })
}

/// The cache's folder, if it was made.
///
/// # Errors
/// If there is no place for one, or anybody but this user can change what is in it.
pub fn existing() -> Result<Option<PathBuf>, CacheError> {
    let (folder, named) = place()?;
    private::existing(&folder).map_err(|source| CacheError::Unusable { folder, source, named })
}

/// Where the cache would be, and whether the user said so.
fn place() -> Result<(PathBuf, bool), CacheError> {
    let named = FOLDER.get().cloned().or_else(|| std::env::var_os(CACHE_VARIABLE).filter(|f| !f.is_empty()).map(PathBuf::from));
    match named {
        // Unit tests leave the user's alone.
        _ if cfg!(test) => Ok((std::env::temp_dir().join(format!("sartor-unit-tests-{}", std::process::id())), true)),
        Some(folder) => Ok((folder, true)),
        None => Ok((dirs::cache_dir().ok_or(CacheError::Nowhere)?.join("sartor"), false)),
    }
}

/// The place of a program in the cache.
pub(crate) struct Entry {
    folder: PathBuf,
    /// Whether the user named the cache.
    named: bool,
}

impl Entry {
    /// The entry of a generated crate, made if there is none.
    ///
    /// # Errors
    /// As [`folder`].
    pub fn open(generated: &Generated) -> Result<Self, CacheError> {
        let (_, named) = place()?;
        Self::of(generated, &folder()?, named)
    }

    /// The same in the cache at `cache`.
    pub fn of(generated: &Generated, cache: &Path, named: bool) -> Result<Self, CacheError> {
        let folder = cache.join(PROGRAMS).join(name(generated));
        let made = private::folder(&folder);
        made.map(|folder| Self { folder, named }).map_err(|source| CacheError::Unusable { folder, source, named })
    }

    fn error(&self, source: io::Error) -> CacheError {
        CacheError::Unusable { folder: self.folder.clone(), source, named: self.named }
    }

    /// The library that a rustc of version `rustc` built, of any if that is not known, if there is one that is what was stored. One
    /// that is not is reported and removed.
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
                log::warn!("{} is damaged: the program is built again", escape::path(library));
                // Where it cannot be removed, it is found damaged again.
                let _ = output::remove(library);
            }
            sound
        })
    }

    /// The right to build the entry, until the file is closed. Waits while another process has it.
    pub fn lock(&self) -> Result<File, CacheError> {
        self.locked().map_err(|source| self.error(source))
    }

    fn locked(&self) -> io::Result<File> {
        let path = self.folder.join(LOCK);
        // Whatever else is there was not put there by sartor, and nothing here is worth keeping.
        output::remove_unless_file(&path)?;
        let file = private::open_lock(&path)?;
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

    /// Stores a copy of `library`, which a rustc of version `rustc` built.
    pub fn store(&self, library: &Path, rustc: &str) -> Result<PathBuf, CacheError> {
        self.stored(library, rustc).map_err(|source| self.error(source))
    }

    fn stored(&self, library: &Path, rustc: &str) -> io::Result<PathBuf> {
        let name = format!("{}-{}", short(rustc), digest_of(library)?);
        let place = self.folder.join(name).with_extension(std::env::consts::DLL_EXTENSION);
        // What is in the way of a file is not ours: a pipe would be written to, a link followed.
        output::remove_unless_file(&place)?;
        output::copy_file(library, &place)?;
        Ok(place)
    }
}

/// All that the bytes of a library depend on, but for the version of rustc.
fn name(generated: &Generated) -> String {
    let mut hasher = blake3::Hasher::new();
    let files = generated.files.iter().flat_map(|(path, bytes)| [path.as_os_str().as_encoded_bytes(), bytes]);
    for part in files.chain(rustc::FLAGS.map(str::as_bytes)).chain([env!("SARTOR_TARGET").as_bytes()]) {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().to_hex()[..32].into()
}

/// A digest of what rustc says of itself.
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

    fn entry(folder: &Path) -> Entry {
        Entry::of(&generated("x"), folder, true).unwrap()
    }

    fn store(entry: &Entry, bytes: &[u8], rustc: &str) -> PathBuf {
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
