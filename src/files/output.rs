//! Files and folders that appear whole or not at all. They are written beside their place under another name, then renamed.
//!
//! A process locks what it is writing. What a killed process left behind is not locked, and the next process that writes to the same
//! folder removes it.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sartor_kernels::files::output::{self, STAGING as PREFIX};
use sartor_models::escape;
use tempfile::{Builder, TempDir};

use crate::files::private;

/// A process that is still running locked its files long before they are this old.
const LOCKED_BY: Duration = Duration::from_secs(60);

/// Writes a file as [`output::write`] does, and removes what killed processes left in the same folder.
///
/// # Errors
/// If the folder cannot be written to, the disk is full, or `fill` fails.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    remove_abandoned(parent(path));
    output::write(path, fill)
}

/// Copies a file to `path`. The copy appears when it is complete. It is written in one piece, so that the system keeps it in large pieces of
/// memory: what is read from them takes the same time in every copy.
///
/// # Errors
/// If the file cannot be read or the copy cannot be written.
pub fn copy_file(from: &Path, path: &Path) -> io::Result<()> {
    let bytes = std::fs::read(from)?;
    write_file(path, |to| to.write_all(&bytes))
}

/// Removes what is at `path` unless it is a regular file: a folder, a link or a pipe would be in the way of one.
///
/// # Errors
/// If it cannot be removed.
pub fn remove_unless_file(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok_and(|found| !found.is_file()) { remove(path) } else { Ok(()) }
}

/// The path with all links resolved. A link that belongs to another user is not followed: it may lead to a file of ours, to have it
/// overwritten.
pub(crate) fn linked(path: &Path) -> PathBuf {
    if path.is_symlink() && !private::is_own(path) {
        return path.into();
    }
    let target = || Some(parent(path).join(std::fs::read_link(path).ok()?));
    path.canonicalize().ok().or_else(target).unwrap_or_else(|| path.into())
}

fn builder(mode: u32) -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder.prefix(PREFIX);
    builder
}

/// A folder that is being filled. It is removed when this value is dropped.
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

    fn make(parent: &Path, mode: u32) -> io::Result<Self> {
        remove_abandoned(parent);
        let folder = builder(mode).tempdir_in(parent)?;
        let lock = File::open(folder.path()).ok().filter(|folder| folder.lock().is_ok());
        Ok(Self { folder, _lock: lock })
    }
}

/// Makes an empty folder beside `path`, on the same file system.
///
/// # Errors
/// If the folder that `path` lies in cannot be made or written to.
pub fn staging_dir(path: &Path) -> io::Result<Staging> {
    std::fs::create_dir_all(parent(path))?;
    Staging::make(parent(path), 0o777)
}

/// Makes an empty folder among the system's temporary files. No other user can read, change or replace it. Its path is UTF-8.
///
/// # Errors
/// If the folder cannot be made, or other users can rename or replace the folder for temporary files.
pub fn private_dir() -> io::Result<Staging> {
    let temporary = std::env::temp_dir();
    let make = || {
        let place = temporary.canonicalize()?;
        if place.to_str().is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8, which rustc needs"));
        }
        let staging = Staging::make(&place, 0o700)?;
        private::existing(staging.path()).map(|_| staging)
    };
    make().map_err(|error| {
        let message =
            format!("cannot make a private folder in {}: {error}; set TMPDIR to use another folder", escape::path(&temporary));
        io::Error::new(error.kind(), message)
    })
}

/// Removes what killed processes of this user left in `folder`.
fn remove_abandoned(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) && is_abandoned(&path) {
            // A folder that cannot be removed does no harm.
            let _ = remove(&path);
        }
    }
}

fn is_abandoned(path: &Path) -> bool {
    let Some(file) = private::open_to_lock(path) else { return false };
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    // Clocks may differ a little. A date far in the future is wrong, so the file was not made within the last minute either.
    let age = modified.map(|time| SystemTime::now().duration_since(time).unwrap_or_else(|ahead| ahead.duration()));
    age.is_ok_and(|age| age >= LOCKED_BY) && file.try_lock().is_ok()
}

/// Removes a file, a link, or a folder with its contents. It is no error if nothing is there.
///
/// # Errors
/// If something is there and cannot be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Puts the folder `new` at `path`, in one step. A folder that was at `path` is at `new` afterwards, or removed if it was empty. `check` looks at
/// that old folder before the exchange and once more after it; if it refuses the second time, the exchange is undone.
///
/// # Errors
/// If `check` or a rename fails. What was at `path` is still there then.
pub fn replace_dir<E: From<io::Error>>(new: &Path, path: &Path, check: impl Fn(&Path) -> Result<(), E>) -> Result<(), E> {
    let _lock = lock_for_a_moment(parent(path));
    match std::fs::rename(new, path) {
        Ok(()) => return Ok(()),
        Err(error) if std::fs::symlink_metadata(path).is_err() => return Err(error.into()),
        // Something is at `path`.
        Err(_) => check(path)?,
    }
    if exchange(new, path).is_err() {
        return replace_in_two_steps(new, path, check);
    }
    check(new).inspect_err(|_| {
        if exchange(new, path).is_err() {
            keep(new, path)
        }
    })
}

/// Keeps other sartor processes from replacing anything in `folder` at the same time. Each holds the lock for a moment only. Something
/// else may hold it for longer, this process among them: then the last check of [`replace_dir`] has to suffice.
fn lock_for_a_moment(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    for _ in 0..100 {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::Error(_)) => break,
        }
    }
    None
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

/// Replaces a folder where the system cannot exchange two. If the process is killed between the two renames, nothing is left at `path`.
fn replace_in_two_steps<E: From<io::Error>>(new: &Path, path: &Path, check: impl Fn(&Path) -> Result<(), E>) -> Result<(), E> {
    let grave = staging_dir(path)?;
    let old: PathBuf = grave.path().join("old");
    std::fs::rename(path, &old)?;
    let moved = check(&old).and_then(|()| Ok(std::fs::rename(new, path)?));
    moved.inspect_err(|_| {
        if std::fs::rename(&old, path).is_err() {
            keep(&old, path)
        }
    })
}

/// Saves a folder that is not ours and cannot be moved back to `path`, before the folder it is in is removed.
fn keep(old: &Path, path: &Path) {
    let place = Builder::new().prefix("kept-").tempdir_in(parent(path)).map(TempDir::keep);
    let kept =
        place.and_then(|place| std::fs::rename(old, place.join(path.file_name().unwrap_or(old.as_os_str()))).map(|()| place));
    match kept {
        Ok(place) => log::warn!("the folder that was at {} is now in {}", escape::path(path), escape::path(&place)),
        Err(error) => log::error!("the folder that was at {} is lost: {error}", escape::path(path)),
    }
}

/// Writes one file of a folder that is still being filled.
///
/// # Errors
/// If the file cannot be written.
pub fn write_staged(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(parent(path))?;
    let mut file = File::create_new(path)?;
    file.write_all(bytes)
}

/// Writes a script that can be run.
///
/// # Errors
/// If it exists or cannot be written.
pub(crate) fn write_script(path: &Path, text: &str) -> io::Result<()> {
    write_staged(path, text.as_bytes())?;
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
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

    type Check<'a> = &'a dyn Fn(&Path) -> io::Result<()>;

    fn replaced_by(replace: impl Fn(&Path, &Path, Check) -> io::Result<()>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        std::fs::create_dir(&path).unwrap();
        for name in ["first", "second"] {
            let staged = staging_dir(&path).unwrap();
            write_staged(&staged.path().join("new").join(name), b"x").unwrap();
            replace(&staged.path().join("new"), &path, &|_| Ok(())).unwrap();
            assert!(path.join(name).exists());
        }
        assert!(!path.join("first").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

        // A file that is there before, and one that comes between the check and the exchange: seen only where it was moved to.
        for seen in [&path, &PathBuf::new()] {
            let staged = staging_dir(&path).unwrap();
            write_staged(&staged.path().join("new/third"), b"x").unwrap();
            let check = |old: &Path| if old == path && old != seen { Ok(()) } else { Err(io::Error::other("foreign")) };
            let refused = replace(&staged.path().join("new"), &path, &check).unwrap_err();
            assert_eq!(refused.to_string(), "foreign");
            drop(staged);
            assert!(path.join("second").exists() && !path.join("third").exists());
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_folder_is_replaced_whole() {
        replaced_by(|new, path, check| replace_dir(new, path, check));
        replaced_by(|new, path, check| replace_in_two_steps(new, path, check));
    }

    #[test]
    fn what_replaces_a_folder_is_never_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let write = |round: usize| {
            let staged = staging_dir(&path).unwrap();
            write_staged(&staged.path().join("new/a"), round.to_string().as_bytes()).unwrap();
            replace_dir(&staged.path().join("new"), &path, |_| io::Result::Ok(())).unwrap();
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
        // Dated in the future by a clock that was wrong.
        let future = folder(&format!("{PREFIX}future"), Duration::ZERO);
        File::open(&future).unwrap().set_modified(SystemTime::now() + 24 * 60 * LOCKED_BY).unwrap();
        let file = dir.path().join(format!("{PREFIX}file"));
        std::fs::write(&file, b"half").unwrap();
        File::open(&file).unwrap().set_modified(SystemTime::now() - 2 * LOCKED_BY).unwrap();

        write_file(&dir.path().join("a"), |w| w.write_all(b"a")).unwrap();
        assert!(!old.exists() && !file.exists() && !future.exists());
        assert!(new.exists() && foreign.exists() && alive.exists());
        drop(lock);
        drop(staging_dir(&dir.path().join("b")).unwrap());
        assert!(!alive.exists(), "its process has ended");
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_or_a_link_named_as_staging_is_neither_waited_for_nor_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, link) = (dir.path().join(format!("{PREFIX}x")), dir.path().join(format!("{PREFIX}y")));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let precious = dir.path().join("precious");
        write_staged(&precious.join("file"), b"mine").unwrap();
        File::open(&precious).unwrap().set_modified(SystemTime::now() - 2 * LOCKED_BY).unwrap();
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        write_file(&dir.path().join("a"), |w| w.write_all(b"a")).unwrap();
        drop(staging_dir(&dir.path().join("b")).unwrap());
        assert!(pipe.exists() && link.exists() && precious.join("file").exists());
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("folder/target"), dir.path().join("link"));
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("folder/target", &link).unwrap();
        for text in ["to nowhere yet", "to a file"] {
            write_file(&link, |w| w.write_all(text.as_bytes())).unwrap();
            assert!(link.is_symlink());
            assert_eq!(std::fs::read_to_string(&target).unwrap(), text);
        }
    }
}
