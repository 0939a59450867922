//! Files and folders that appear whole or not at all: written beside their place, then renamed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile, TempDir};

/// Writes a file through `fill`; the old file, if any, stays until the new one is complete and on disk. A device or a pipe is
/// written to, not replaced.
///
/// # Errors
/// If the folder cannot be written to, the disk is full, or `fill` fails.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let mut device = BufWriter::new(File::options().write(true).open(path)?);
        fill(&mut device)?;
        return device.flush();
    }
    let file = staging(path)?;
    let mut buffered = BufWriter::new(file.as_file());
    fill(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn staging(path: &Path) -> io::Result<NamedTempFile> {
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not the name of a file"));
    }
    let mut builder = Builder::new();
    // The umask narrows this, as for any other new file; tempfile's own default is 0600.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".sartor-").tempfile_in(parent(path))
}

/// A new empty folder on the file system of `path`, removed when dropped.
///
/// # Errors
/// If the folder above `path` cannot be made or written to.
pub fn staging_dir(path: &Path) -> io::Result<TempDir> {
    std::fs::create_dir_all(parent(path))?;
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.prefix(".sartor-").tempdir_in(parent(path))
}

/// Moves the folder `new` to `path`, in place of what is there.
///
/// # Errors
/// If a rename fails; what was at `path` is then there still.
pub fn replace_dir(new: &Path, path: &Path) -> io::Result<()> {
    if !path.exists() {
        return std::fs::rename(new, path);
    }
    let grave = staging_dir(path)?;
    let old = grave.path().join("old");
    std::fs::rename(path, &old)?;
    std::fs::rename(new, path).inspect_err(|_| drop(std::fs::rename(&old, path)))
}

/// Writes one file of a folder that is still being staged.
///
/// # Errors
/// If it cannot be written.
pub fn write_staged(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(parent(path))?;
    let mut file = File::create_new(path)?;
    file.write_all(bytes)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_file(&path, |w| w.write_all(b"old")).unwrap();
        let full = write_file(&path, |w| {
            w.write_all(b"half")?;
            Err(io::Error::new(io::ErrorKind::StorageFull, "full"))
        });
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        for name in ["first", "second"] {
            let staged = staging_dir(&path).unwrap();
            write_staged(&staged.path().join("new").join(name), b"x").unwrap();
            replace_dir(&staged.path().join("new"), &path).unwrap();
            assert!(path.join(name).exists());
        }
        assert!(!path.join("first").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
