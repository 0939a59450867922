//! The cache's folder: it holds compiled programs and the tuning file, all of which can be made again.

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use sartor_models::escape;

use super::private;

/// The environment variable that names the cache's folder.
pub const CACHE_VARIABLE: &str = "SARTOR_CACHE";

/// The cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The system names no folder for caches.
    #[error("no folder for the cache: HOME is not set; set HOME, or set {CACHE_VARIABLE} to a folder")]
    Nowhere,
    /// The folder cannot be made, read or written, or other users can write to it.
    #[error("cannot use the cache {}: {source}; set {CACHE_VARIABLE} to use another folder", escape::path(folder))]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the system says, or what is wrong with the folder.
        source: io::Error,
        /// Whether [`CACHE_VARIABLE`] or [`set`] named it.
        named: bool,
    },
}

impl CacheError {
    /// Whether the user named this cache. Then it is an error to go on without it.
    pub fn is_of_named(&self) -> bool {
        matches!(self, CacheError::Unusable { named: true, .. })
    }
}

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Sets the cache's folder for this process; the environment is not read any more. Only the first call has an effect.
pub fn set(folder: impl Into<PathBuf>) {
    // An error means that the folder was set before.
    let _ = FOLDER.set(folder.into());
}

/// The cache's folder: the one that [`CACHE_VARIABLE`] names, or `sartor` in the platform's folder for caches. It is made if it is missing.
///
/// # Errors
/// If no folder is known, the folder cannot be made, or other users can change what is in it.
pub fn open() -> Result<PathBuf, CacheError> {
    let (folder, named) = place()?;
    private::folder(&folder).map_err(|source| CacheError::Unusable { folder, source, named })
}

/// The cache's folder, if it exists.
///
/// # Errors
/// If no folder is known, or other users can change what is in it.
pub fn existing() -> Result<Option<PathBuf>, CacheError> {
    let (folder, named) = place()?;
    private::existing(&folder).map_err(|source| CacheError::Unusable { folder, source, named })
}

/// The path of the cache, and whether the user named it.
pub(crate) fn place() -> Result<(PathBuf, bool), CacheError> {
    let named = FOLDER.get().cloned().or_else(|| std::env::var_os(CACHE_VARIABLE).filter(|f| !f.is_empty()).map(PathBuf::from));
    match named {
        // Unit tests do not touch the user's cache.
        _ if cfg!(test) => Ok((std::env::temp_dir().join(format!("sartor-unit-tests-{}", std::process::id())), true)),
        Some(folder) => Ok((folder, true)),
        None => Ok((dirs::cache_dir().ok_or(CacheError::Nowhere)?.join("sartor"), false)),
    }
}
