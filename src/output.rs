//! Files and folders that appear whole or not at all: written beside their place, then renamed.
//!
//! What is being written is locked. What a killed process leaves behind is locked by nobody, and the next process that writes to the
//! same folder removes it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sartor_kernels::files::output::{self, STAGING as PREFIX};
use tempfile::{Builder, TempDir};

/// What is alive is locked long before this age.
const LOCKED_BY: Duration = Duration::from_secs(60);

/// Writes a file as [`output::write`] does, and removes what killed processes left beside it.
///
/// # Errors
/// If the folder cannot be written to, the disk is full, or `fill` fails.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    remove_abandoned(parent(path));
    output::write(path, fill)
}

/// A folder that is being filled, removed when dropped.
#[derive(Debug)]
pub struct Staging {
    folder: TempDir,
    _lock: Option<File>,
}

impl Staging {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A new empty folder on the file system of `path`.
///
/// # Errors
/// If the folder above `path` cannot be made or written to.
pub fn staging_dir(path: &Path) -> io::Result<Staging> {
    std::fs::create_dir_all(parent(path))?;
    remove_abandoned(parent(path));
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let folder = builder.prefix(PREFIX).tempdir_in(parent(path))?;
    let lock = File::open(folder.path()).ok().filter(|folder| folder.lock().is_ok());
    Ok(Staging { folder, _lock: lock })
}

/// Removes what killed processes left in `folder`.
fn remove_abandoned(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) && is_abandoned(&path) {
            // What cannot be removed harms nobody.
            let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        }
    }
}

fn is_abandoned(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let age = file.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age >= LOCKED_BY) && file.try_lock().is_ok()
}

/// Moves the folder `new` to `path`. What is there is there until the very moment, and is then at `new`, if anywhere.
///
/// # Errors
/// If a rename fails; what was at `path` is then there still.
pub fn replace_dir(new: &Path, path: &Path) -> io::Result<()> {
    match std::fs::rename(new, path) {
        Err(_) if path.exists() => exchange(new, path).or_else(|_| replace_in_two_steps(new, path)),
        outcome => outcome,
    }
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange(new: &Path, path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Where folders cannot be exchanged, a kill between the two renames leaves nothing at `path`.
fn replace_in_two_steps(new: &Path, path: &Path) -> io::Result<()> {
    let grave = staging_dir(path)?;
    let old: PathBuf = grave.path().join("old");
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
    use std::time::SystemTime;

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

    fn replaced_by(replace: impl Fn(&Path, &Path) -> io::Result<()>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        std::fs::create_dir(&path).unwrap();
        for name in ["first", "second"] {
            let staged = staging_dir(&path).unwrap();
            write_staged(&staged.path().join("new").join(name), b"x").unwrap();
            replace(&staged.path().join("new"), &path).unwrap();
            assert!(path.join(name).exists());
        }
        assert!(!path.join("first").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_replaced_whole() {
        replaced_by(replace_dir);
        replaced_by(replace_in_two_steps);
    }

    #[test]
    fn what_replaces_a_folder_is_never_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let write = |round: usize| {
            let staged = staging_dir(&path).unwrap();
            write_staged(&staged.path().join("new/a"), round.to_string().as_bytes()).unwrap();
            replace_dir(&staged.path().join("new"), &path).unwrap();
        };
        write(0);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..2).map(|_| scope.spawn(|| (1..200).for_each(write))).collect();
            while !writers.iter().all(|writer| writer.is_finished()) {
                assert!(path.join("a").exists());
            }
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_what_is_old_and_unlocked_is_abandoned() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str, age: Duration| {
            let path = dir.path().join(name);
            write_staged(&path.join("inner/file"), b"x").unwrap();
            File::open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
            path
        };
        let old = folder(&format!("{PREFIX}old"), 2 * LOCKED_BY);
        let new = folder(&format!("{PREFIX}new"), LOCKED_BY / 2);
        let foreign = folder(".sartor", 2 * LOCKED_BY);
        let alive = folder(&format!("{PREFIX}alive"), 2 * LOCKED_BY);
        let lock = File::open(&alive).unwrap();
        lock.lock().unwrap();
        let file = dir.path().join(format!("{PREFIX}file"));
        std::fs::write(&file, b"half").unwrap();
        File::open(&file).unwrap().set_modified(SystemTime::now() - 2 * LOCKED_BY).unwrap();

        write_file(&dir.path().join("a"), |w| w.write_all(b"a")).unwrap();
        assert!(!old.exists() && !file.exists());
        assert!(new.exists() && foreign.exists() && alive.exists());
        drop(lock);
        drop(staging_dir(&dir.path().join("b")).unwrap());
        assert!(!alive.exists(), "its process has ended");
    }
}
