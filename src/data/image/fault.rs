//! What can be wrong with a picture.

use std::path::PathBuf;

use sartor_models::escape;

/// A picture that cannot become a network's input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file cannot be read.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be taken as a picture.
    #[error("{}: {fault}", escape::path(path))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: Fault,
    },
    /// A decoded picture and the [`Preprocess`](super::Preprocess) do not fit.
    #[error("{0}")]
    Picture(Fault),
}

impl PictureError {
    /// What is wrong, unless the file could not be read at all.
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
    /// It is something else.
    #[error("not a JPEG or PNG picture{}", .0.map(|kind| format!(" but {kind}: convert it")).unwrap_or_default())]
    NotAPicture(Option<&'static str>),
    /// A kind of JPEG or PNG that is not read.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// Its data ends too early.
    #[error("the picture is cut short: {0}")]
    Truncated(String),
    /// Its data is wrong.
    #[error("the picture is damaged: {0}")]
    Damaged(String),
    /// The file alone takes more memory than is allowed.
    #[error("the file alone takes more than is allowed: the limit is {} MiB", .limit >> 20)]
    Large {
        /// Bytes that are allowed.
        limit: u64,
    },
    /// It takes more memory than is allowed, or than there is.
    #[error("a picture of {}x{} takes {} MiB to {what}, but {}", size.0, size.1, bytes.div_ceil(1 << 20), allowed(*limit))]
    Memory {
        /// Height and width.
        size: (usize, usize),
        /// Decode or resize.
        what: &'static str,
        /// Bytes it takes.
        bytes: u64,
        /// Bytes that are allowed; none if the system refused what is.
        limit: Option<u64>,
    },
    /// Its size and the preprocessing do not fit.
    #[error("{0}")]
    Size(String),
}

fn allowed(limit: Option<u64>) -> String {
    match limit {
        Some(bytes) if bytes >= 1 << 20 => format!("the limit is {} MiB", bytes >> 20),
        Some(bytes) => format!("the limit is {bytes} bytes"),
        None => "the system does not give it".into(),
    }
}
