//! Writes safetensors files.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, View, serialize_to_file};

use super::{Tensor, Weights};

/// The file cannot be written. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[error("cannot write '{}': {reason}", crate::escape::path(.path))]
pub struct SaveError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub reason: io::Error,
}

impl Weights {
    /// Writes a safetensors file. It appears when it is complete, or not at all.
    ///
    /// # Errors
    /// If the folder does not exist or cannot be written to, or the disk is full.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let path = path.as_ref();
        write(self, path).map_err(|reason| SaveError { path: path.into(), reason })
    }
}

fn write(weights: &Weights, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask, as of any new file
    let file = builder.tempfile_in(folder)?;
    serialize_to_file(weights.iter(), None, file.path()).map_err(|error| match error {
        SafeTensorError::IoError(error) => error,
        other => io::Error::other(other),
    })?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        Tensor::shape(self)
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = Tensor::data(self);
        if cfg!(target_endian = "little") {
            bytemuck::cast_slice(values).into()
        } else {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        }
    }

    fn data_len(&self) -> usize {
        size_of_val(Tensor::data(self))
    }
}
