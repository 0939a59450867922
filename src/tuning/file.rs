//! The tuning file on disk.

use std::io;
use std::path::{Path, PathBuf};

use sartor_codegen::tunings::TuningFile;
use sartor_models::escape;

use crate::files::{output, private};

/// The tuning file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "tuning file {}: {}; write a new one with `sartor tune`, or name another with --tuning",
    escape::path(path),
    escape::line(what)
)]
pub struct TuningFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// Reads a tuning file. One that does not exist counts as empty.
///
/// # Errors
/// If the file cannot be read, is not a tuning file, or has an entry that is not valid.
pub fn load(path: &Path) -> Result<TuningFile, TuningFileError> {
    parse(path, std::fs::read_to_string(path))
}

/// Reads a tuning file that must belong to this user, such as the one in the cache.
///
/// # Errors
/// As [`load`]; and if other users can change the file.
pub fn load_own(path: &Path) -> Result<TuningFile, TuningFileError> {
    parse(path, private::open(path).and_then(io::read_to_string))
}

fn parse(path: &Path, read: io::Result<String>) -> Result<TuningFile, TuningFileError> {
    let error = |what: String| TuningFileError { path: path.into(), what };
    match read {
        Ok(text) => TuningFile::parse(&text).map_err(error),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(TuningFile::default()),
        Err(other) => Err(error(format!("it cannot be read: {other}"))),
    }
}

/// Writes a tuning file. An old one stays in place until the new one is complete.
///
/// # Errors
/// If it cannot be written.
pub fn save(file: &TuningFile, path: &Path) -> Result<(), TuningFileError> {
    let error = |what: io::Error| TuningFileError { path: path.into(), what: format!("it cannot be written: {what}") };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(error)?;
    }
    output::write_file(path, |to| to.write_all(file.text().as_bytes())).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Tunings;

    #[test]
    fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/tuning.json");
        for file in [TuningFile::default(), TuningFile::shipped()] {
            save(&file, &path).unwrap();
            assert_eq!(load(&path).unwrap(), file);
            assert_eq!(load_own(&path).unwrap(), file);
        }
        assert_eq!(load(&dir.path().join("missing")).unwrap(), TuningFile::default());
    }

    #[test]
    fn what_is_no_tuning_file_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broken.json");
        std::fs::write(&path, "{}").unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("missing field `format`") && error.contains("broken.json"), "{error}");
        assert!(Tunings::load(&path).is_err());
    }
}
