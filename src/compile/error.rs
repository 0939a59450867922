//! Errors of compiling and loading a network.

use std::io;
use std::path::PathBuf;

use sartor_codegen::compile::GenerateError;
use sartor_kernels::runtime::SessionError;
use sartor_models::escape;

use super::rustc::BuildError;
use crate::files::cache_folder::CacheError;

/// A network cannot be compiled or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The crate cannot be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The generated crate cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file cannot be written or read.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Python's packages cannot have the version.
    #[error("version '{}' is not one that Python's packages can have: {rule}", escape::line(version))]
    Version {
        /// The version.
        version: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The built library cannot be read.
    #[error("rustc built a library that cannot be read: {0}")]
    Library(String),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The output folder holds files that sartor did not write.
    #[error("{} exists and was not written by sartor: choose another folder, or remove this one", escape::path(.0))]
    Occupied(PathBuf),
    /// Sartor wrote the output folder, but a file in it was added or changed since.
    #[error(
        "{} was added or changed after sartor wrote the folder: move the file away, or choose another folder than {}",
        escape::path(file),
        escape::path(dir)
    )]
    Changed {
        /// The folder.
        dir: PathBuf,
        /// The file that was added or changed.
        file: PathBuf,
    },
    /// The CPU lacks the level, or no session can have so many threads.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The compiled library cannot be loaded.
    #[error("{}: {what}", escape::path(path))]
    Load {
        /// The library.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}
