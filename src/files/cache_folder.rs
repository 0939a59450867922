//! The folder of what can be made again: compiled programs, and the tuning file.

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use sartor_models::escape;

use super::private;

/// Environment variable that names the cache's folder.
pub const CACHE_VARIABLE: &str = "SARTOR_CACHE";

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
        /// Whether [`CACHE_VARIABLE`] or [`set`] named it.
        named: bool,
    },
}

impl CacheError {
    /// Whether the user named the cache, so that to do without it would not be what was asked for.
    pub fn is_of_named(&self) -> bool {
        matches!(self, CacheError::Unusable { named: true, .. })
    }
}

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Keeps the cache of this process in `folder`, whatever the environment says. The first call decides.
pub fn set(folder: impl Into<PathBuf>) {
    // Fails if it was done before.
    let _ = FOLDER.set(folder.into());
}

/// The cache's folder, made if there is none: [`CACHE_VARIABLE`], or `sartor` in the platform's place for caches.
///
/// # Errors
/// If there is no place for one, it cannot be made, or anybody but this user can change what is in it.
pub fn open() -> Result<PathBuf, CacheError> {
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
pub(crate) fn place() -> Result<(PathBuf, bool), CacheError> {
    let named = FOLDER.get().cloned().or_else(|| std::env::var_os(CACHE_VARIABLE).filter(|f| !f.is_empty()).map(PathBuf::from));
    match named {
        // Unit tests leave the user's alone.
        _ if cfg!(test) => Ok((std::env::temp_dir().join(format!("sartor-unit-tests-{}", std::process::id())), true)),
        Some(folder) => Ok((folder, true)),
        None => Ok((dirs::cache_dir().ok_or(CacheError::Nowhere)?.join("sartor"), false)),
    }
}
