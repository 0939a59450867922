//! Writes networks as ONNX files, for other engines.

use std::io;
use std::path::{Path, PathBuf};

use sartor_models::escape;
use sartor_models::export::{ExportError, onnx};
use sartor_models::{Network, Weights};

use crate::files::output;

/// The network cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportFileError {
    /// It cannot be expressed in ONNX.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The file cannot be written.
    #[error("cannot write '{}': {source}", escape::path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Writes a network with its weights as an ONNX file for `batch` images. Returns the file's size in bytes. The file appears when
/// it is complete.
///
/// # Errors
/// If the weights do not fit, the network is too large for ONNX, or the file cannot be written.
pub fn write_onnx(path: &Path, network: &Network, weights: &Weights, batch: usize) -> Result<usize, ExportFileError> {
    let bytes = onnx(network, weights, batch)?;
    let written = output::write_file(path, |file| file.write_all(&bytes));
    written.map_err(|source| ExportFileError::Io { path: path.into(), source })?;
    Ok(bytes.len())
}
