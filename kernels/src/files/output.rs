//! Files that appear whole or not at all: written beside their place, then renamed onto it.
//!
//! No file of anybody else is ever written to or removed: the new file has a name that cannot be foreseen, and is made only where
//! nothing has that name. A symbolic link stays, and the file that it leads to is replaced. A device or a pipe cannot be replaced, so
//! it is written to directly.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, Metadata};
use std::hash::BuildHasher;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The names of what is not yet in its place begin so. It is locked until it is: what nobody locks was left by a killed process.
pub const STAGING: &str = ".sartor-staging-";

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// More names than one are tried only if the random numbers repeat.
const MAX_NAMES: usize = 16;

/// Writes a file through `fill`; the old file, if any, stays until the new one is complete and on disk, which then has its
/// permissions and, if the system allows it, its owner. A reader of stdout that has gone away, as in `| head`, is no failure.
///
/// # Errors
/// If the folder is missing or cannot be written to, the old file is a folder or must not be written to, the disk is full, or `fill`
/// fails.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    match Place::of(path)? {
        Place::File(path, old) => replace(&path, old.as_ref(), fill),
        Place::Stream(path) => buffered(File::options().write(true).open(path)?, fill),
        Place::Stdout => match buffered(io::stdout().lock(), fill) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        },
    }
}

fn buffered(to: impl Write, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    fill(&mut to)?;
    to.flush()
}

fn replace(path: &Path, old: Option<&Metadata>, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if old.is_some() {
        // What must not be written to must not be replaced either.
        File::options().write(true).open(path)?;
    }
    let (file, staged) = create_beside(path, old)?;
    let written = buffered(&file, fill)
        .and_then(|()| old.map_or(Ok(()), |old| resemble(&file, old)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&staged, path));
    written.inspect_err(|_| drop(fs::remove_file(&staged)))
}

/// A new file beside `path`, which nobody can open who could not open the old one.
fn create_beside(path: &Path, old: Option<&Metadata>) -> io::Result<(File, PathBuf)> {
    let mut options = File::options();
    options.write(true).create_new(true);
    restrict(&mut options, old);
    let mut tries = 0..MAX_NAMES;
    loop {
        // The keys of this hash are random numbers of the system's.
        let random = RandomState::new().hash_one(std::process::id());
        let staged = path.with_file_name(format!("{STAGING}{random:016x}"));
        match options.open(&staged) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries.next().is_some() => {}
            Err(error) => return Err(error),
            Ok(file) => {
                // Where files cannot be locked, nothing is taken for abandoned either.
                let _ = file.lock();
                return Ok((file, staged));
            }
        }
    }
}

#[cfg(unix)]
fn restrict(options: &mut fs::OpenOptions, old: Option<&Metadata>) {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    // The umask narrows it, as for any other new file.
    options.mode(old.map_or(0o666, |old| old.mode() & 0o777));
}

#[cfg(not(unix))]
fn restrict(_: &mut fs::OpenOptions, _: Option<&Metadata>) {}

/// Gives a new file the owner and the permissions of the one that it replaces.
#[cfg(unix)]
fn resemble(new: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    // Only root may.
    let _ = fchown(new, Some(old.uid()), Some(old.gid()));
    new.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))
}

#[cfg(not(unix))]
fn resemble(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// What a path leads to.
enum Place {
    /// A file, or the place for one.
    File(PathBuf, Option<Metadata>),
    /// A device, a pipe, or what a process has open.
    Stream(PathBuf),
    /// This process's stdout: opened again, a file would be overwritten by what is printed.
    Stdout,
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        if is_stdout(path) {
            return Ok(Place::Stdout);
        }
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let (folder, name) = split(&path)?;
            path = folder.join(name);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() && folder.starts_with("/proc") => return Ok(Place::Stream(path)),
                Ok(found) if found.is_symlink() => path = folder.join(fs::read_link(&path)?),
                Ok(found) if found.is_file() => return Ok(Place::File(path, Some(found))),
                Ok(found) if found.is_dir() => {
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, "this is a folder: name a file"));
                }
                Ok(_) => return Ok(Place::Stream(path)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::File(path, None)),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("this leads through more than {MAX_LINKS} links")))
    }
}

/// A path's folder, without links, and its last name.
fn split(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let ends_with_name = !path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let name = path.file_name().filter(|_| ends_with_name);
    let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this is not the name of a file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = fs::canonicalize(folder);
    let found = found.map_err(|error| io::Error::new(error.kind(), format!("the folder {}: {error}", folder.display())))?;
    Ok((found, name.into()))
}

#[cfg(unix)]
fn is_stdout(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((identity(path), identity(Path::new("/dev/stdout"))), (Ok(path), Ok(stdout)) if path == stdout)
}

#[cfg(not(unix))]
fn is_stdout(_: &Path) -> bool {
    false
}
