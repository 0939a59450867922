//! Errors of pictures.

use std::path::PathBuf;

use sartor_models::escape;

/// A picture cannot be made into a network's input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file cannot be read.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The file is not a picture that can be used.
    #[error("{}: {fault}", escape::path(path))]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// The [`Preprocess`](super::Preprocess) does not fit a decoded picture.
    #[error("{0}")]
    Picture(Fault),
}

impl PictureError {
    /// What is wrong, without the file's name.
    pub fn cause(&self) -> String {
        match self {
            Self::Io { source, .. } => source.to_string(),
            Self::File { fault, .. } | Self::Picture(fault) => fault.to_string(),
        }
    }

    /// What is wrong with the picture; `None` if the file could not be read.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Io { .. } => None,
            Self::File { fault, .. } | Self::Picture(fault) => Some(fault),
        }
    }
}

/// What is wrong with a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file has another format.
    #[error("not a JPEG or PNG picture{}", .0.map(|format| format!(" but a {format} file: convert it")).unwrap_or_default())]
    NotAPicture(Option<&'static str>),
    /// The picture uses a feature of JPEG or PNG that is not supported.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The picture's data ends too early.
    #[error("the picture is cut short: {0}")]
    Truncated(String),
    /// The picture's data is wrong.
    #[error("the picture is damaged: {0}")]
    Damaged(String),
    /// The file is larger than the memory that is allowed.
    #[error("the file alone is larger than the limit of {} MiB", .limit >> 20)]
    Large {
        /// The limit in bytes.
        limit: u64,
    },
    /// The picture needs more memory than is allowed, or than there is.
    #[error("a picture of {}x{} needs {} MiB to {what}, but {}", size.0, size.1, bytes.div_ceil(1 << 20), allowed(*limit))]
    Memory {
        /// Height and width.
        size: (usize, usize),
        /// What needs it: `decode` or `resize`.
        what: &'static str,
        /// The memory that is needed, in bytes.
        bytes: u64,
        /// The limit in bytes; `None` if the system refused memory within the limit.
        limit: Option<u64>,
    },
    /// The picture's size does not fit the preprocessing.
    #[error("{0}")]
    Size(String),
}

fn allowed(limit: Option<u64>) -> String {
    match limit {
        Some(bytes) if bytes >= 1 << 20 => format!("the limit is {} MiB", bytes >> 20),
        Some(bytes) => format!("the limit is {bytes} bytes"),
        None => "the system does not have it".into(),
    }
}
