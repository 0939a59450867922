//! Why a network was not compiled.

use std::io;
use std::path::PathBuf;

use sartor_codegen::emit::GenerateError;
use sartor_kernels::runtime::SessionError;
use sartor_models::escape;

use super::rustc::BuildError;
use crate::files::cache_folder::CacheError;

/// A network that could not be compiled or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// No program can be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The generated crate was not built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file cannot be written or read.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The output folder holds something else.
    #[error("{} exists and was not made by sartor: choose another folder or remove it", escape::path(.0))]
    Occupied(PathBuf),
    /// The output folder holds a file besides what was written there.
    #[error(
        "{} is not as sartor wrote it: choose another folder than {} or move the file away",
        escape::path(file),
        escape::path(dir)
    )]
    Changed {
        /// The folder.
        dir: PathBuf,
        /// The file that was added or changed.
        file: PathBuf,
    },
    /// The CPU lacks the level.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The compiled library cannot be loaded.
    #[error("{}: {what}", escape::path(path))]
    Load {
        /// The library.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}
