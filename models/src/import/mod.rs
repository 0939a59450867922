//! Networks from ONNX files, as every exporter writes them.
//!
//! Three steps. `read` takes the file apart. `fold` computes what is constant once shapes are known, and `translate` writes
//! down the rest as operators of the graph; both go through the file's nodes together, because shapes are needed for one and
//! constants for the other. `recognise` finds operators that exporters spell out in several nodes. `distribute` takes functions of
//! concatenations to the operands.

mod broadcast;
mod constant;
mod dims;
mod distribute;
mod error;
mod fold;
mod function;
mod imported;
mod inputs;
mod movement;
mod node;
mod options;
mod read;
mod recognise;
#[cfg(test)]
mod tests;
mod trace;
mod translate;
mod value;
mod view;
mod window;
mod wire;

use std::path::Path;

use crate::graph::Network;
use crate::weights::Weights;

pub use error::{ImportError, Refusal};
pub use imported::Imported;
pub use inputs::{Interface, Port};
pub use options::ImportOptions;
pub use trace::{Fate, FileNode, Trace, near};

/// Imports a file.
///
/// # Errors
/// If the file cannot be read, is damaged, or has nodes that are not supported. All such nodes are listed.
pub fn onnx(path: &Path, options: &ImportOptions) -> Result<Imported, ImportError> {
    import(read::read(path)?, options)
}

/// Imports the bytes of a file. `path` is for messages; weights in other files count as missing.
///
/// # Errors
/// As [`onnx()`].
pub fn onnx_bytes(path: &Path, bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    import(read::parse(path, bytes, None)?, options)
}

impl Network {
    /// Reads a network and its weights from an ONNX file.
    ///
    /// # Errors
    /// As [`onnx()`].
    pub fn from_onnx(path: impl AsRef<Path>, options: &ImportOptions) -> Result<Imported, ImportError> {
        onnx(path.as_ref(), options)
    }
}

fn import(file: read::Onnx, options: &ImportOptions) -> Result<Imported, ImportError> {
    let path = file.path.clone();
    let imported = translate::translate(file, options)?;
    let imported = recognise::recognise(imported).and_then(distribute::distribute);
    let mut imported = imported.map_err(|source| ImportError::Graph { path, source })?;
    if let Some(seed) = options.random_weights.filter(|_| imported.random) {
        imported.weights = Weights::random(&imported.network, seed);
    }
    Ok(imported)
}
