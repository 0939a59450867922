//! Folders and files that no other user can change.
//!
//! Whoever can write to a folder can replace our code in it by other code. A folder is *private* if it belongs to this user, and
//! only this user and root can change, rename or replace the folder, every folder above it, and what this user has in it. A
//! sticky folder will do if the owner of each file in it is checked. Nobody can interfere in a private folder, so a check stays
//! valid while the process runs. Owners and permissions are read on Unix only; on other systems every folder counts as private.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use sartor_models::escape;

/// The private folder at `path`, with all links resolved. It is made if it is missing.
///
/// # Errors
/// If the folder cannot be made or is not private. The message names the folder at fault and says what to do.
pub fn folder(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut above = &*path;
    let mut folder = loop {
        match (above.canonicalize(), above.parent(), above.file_name()) {
            (Ok(found), ..) => break found,
            (Err(error), Some(parent), Some(name)) if error.kind() == ErrorKind::NotFound => {
                missing.push(name);
                above = parent;
            }
            (Err(error), ..) => return Err(at(above, &error)),
        }
    };
    if !missing.is_empty() {
        folder.ancestors().try_for_each(system::stays)?;
    }
    for name in missing.into_iter().rev() {
        folder.push(name);
        match system::private(&mut DirBuilder::new()).create(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(at(&folder, &error)),
            _ => {}
        }
    }
    check(&folder)?;
    Ok(folder)
}

/// The private folder at `path`, with all links resolved, if it exists.
///
/// # Errors
/// If the folder is not private.
pub fn existing(path: &Path) -> io::Result<Option<PathBuf>> {
    match path.canonicalize() {
        Ok(folder) => check(&folder).map(|()| Some(folder)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path, &error)),
    }
}

/// Checks a folder whose path has no links.
fn check(folder: &Path) -> io::Result<()> {
    folder.ancestors().skip(1).try_for_each(system::stays)?;
    let found = std::fs::symlink_metadata(folder).map_err(|error| at(folder, &error))?;
    if !found.is_dir() {
        return Err(refused(folder, "is not a folder: remove it"));
    }
    system::own(folder, &found)?;
    system::stays(folder)
}

/// Opens a file of this user's in a private folder for reading. Links are not followed, and a pipe does not block.
///
/// # Errors
/// If the file cannot be opened, is not a regular file, or can be changed by other users.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OpenOptions::new().read(true))
}

/// Opens the lock file at `path` in a private folder, and makes it if it is missing. Its contents are kept.
///
/// # Errors
/// As [`open`].
pub fn open_lock(path: &Path) -> io::Result<File> {
    open_with(path, OpenOptions::new().read(true).write(true).create(true))
}

fn open_with(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = system::no_follow(options).open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => error,
        _ if path.is_symlink() => refused(path, "is a link, and sartor follows no links here: remove it"),
        _ => at(path, &error),
    })?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(refused(path, "is not a regular file: remove it"));
    }
    system::own(path, &found)?;
    system::unchanged(path, &found)?;
    Ok(file)
}

/// Whether the file, folder or link at `path` belongs to this user. A link is not followed.
pub fn is_own(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| system::is_own(&found))
}

/// Opens a file or folder of this user's to lock it. Pipes and links are not opened.
pub fn open_to_lock(path: &Path) -> Option<File> {
    let found = std::fs::symlink_metadata(path).ok()?;
    let opened = (found.is_file() || found.is_dir()) && system::is_own(&found);
    opened.then(|| system::no_follow(OpenOptions::new().read(true)).open(path).ok()).flatten()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", escape::path(path)))
}

fn refused(path: &Path, what: &str) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, format!("{} {what}", escape::path(path)))
}

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;
    use rustix::process::geteuid;
    use sartor_models::escape;

    /// Write permission of the group and of all others.
    const OTHERS_WRITE: u32 = 0o022;
    /// In a folder with this bit, users can remove and rename only what belongs to them.
    const STICKY: u32 = 0o1000;

    pub fn private(builder: &mut DirBuilder) -> &mut DirBuilder {
        builder.mode(0o700)
    }

    pub fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
    }

    pub fn is_own(found: &Metadata) -> bool {
        found.uid() == geteuid().as_raw()
    }

    pub fn own(path: &Path, found: &Metadata) -> io::Result<()> {
        if is_own(found) {
            return Ok(());
        }
        let what = format!("belongs to user {}, not to user {} who runs sartor", found.uid(), geteuid().as_raw());
        Err(super::refused(path, &what))
    }

    /// Checks that only the owner can write to it.
    pub fn unchanged(path: &Path, found: &Metadata) -> io::Result<()> {
        if found.mode() & OTHERS_WRITE == 0 {
            return Ok(());
        }
        let what =
            format!("can be changed by other users (mode {:o}): run `chmod go-w {}`", found.mode() & 0o7777, escape::path(path));
        Err(super::refused(path, &what))
    }

    /// Checks that no other user can rename or replace files in the folder that belong to this user or to root.
    pub fn stays(folder: &Path) -> io::Result<()> {
        let found = std::fs::metadata(folder).map_err(|error| super::at(folder, &error))?;
        // The owner of `/` can replace everything: that is root, or the user as which root appears in a user namespace.
        let is_roots = found.uid() == 0 || std::fs::metadata("/").is_ok_and(|root| root.uid() == found.uid());
        if !is_roots && !is_own(&found) {
            let what = format!("belongs to user {}, who can replace what user {} has in it", found.uid(), geteuid().as_raw());
            return Err(super::refused(folder, &what));
        }
        if found.mode() & STICKY == 0 { unchanged(folder, &found) } else { Ok(()) }
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub fn private(builder: &mut DirBuilder) -> &mut DirBuilder {
        builder
    }

    pub fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub fn is_own(_: &Metadata) -> bool {
        true
    }

    pub fn own(_: &Path, _: &Metadata) -> io::Result<()> {
        Ok(())
    }

    pub fn unchanged(_: &Path, _: &Metadata) -> io::Result<()> {
        Ok(())
    }

    pub fn stays(_: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Says no to `path` for this reason.
    fn refuses(path: &Path, reason: &str) {
        for refused in [folder(path).unwrap_err(), existing(path).unwrap_err()] {
            assert!(refused.to_string().contains(reason), "{refused}");
        }
    }

    #[test]
    fn folders_are_made_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o755);
        assert_eq!(existing(&dir.path().join("a/b")).unwrap(), None);
        let made = folder(&dir.path().join("a/b")).unwrap();
        for path in [&made, made.parent().unwrap()] {
            assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o700);
        }
        symlink(&made, dir.path().join("link")).unwrap();
        assert_eq!(existing(&dir.path().join("link")).unwrap(), Some(made.clone()), "links are resolved, then checked");
        std::fs::write(made.join("file"), "").unwrap();
        refuses(&made.join("file"), "is not a folder");
        symlink(dir.path().join("nowhere"), dir.path().join("dangling")).unwrap();
        assert!(folder(&dir.path().join("dangling")).is_err() && !dir.path().join("nowhere").exists());
    }

    #[test]
    fn what_others_can_change_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let made = folder(&dir.path().join("above/cache")).unwrap();
        let above = made.parent().unwrap();
        for mode in [0o770, 0o707, 0o777] {
            for open in [&made, above] {
                chmod(open, mode);
                refuses(&made, &format!("(mode {mode:o}): run `chmod go-w {}`", open.display()));
                assert!(folder(&open.join("new")).is_err() && !open.join("new").exists(), "nothing is made there");
                chmod(open, 0o1777);
                assert!(existing(&made).is_ok(), "in a sticky folder nobody replaces what is another's");
                chmod(open, 0o700);
            }
        }
        let file = made.join("file");
        std::fs::write(&file, "").unwrap();
        for mode in [0o620, 0o602, 0o1622] {
            chmod(&file, mode);
            assert!(open(&file).unwrap_err().to_string().contains("chmod go-w"));
        }
    }

    #[test]
    fn what_belongs_to_others_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return sartor_kernels::report::skipped("folders of other users", "only root can make them");
        }
        let dir = tempfile::tempdir().unwrap();
        let made = folder(&dir.path().join("above/cache")).unwrap();
        let (above, file) = (made.parent().unwrap(), made.join("file"));
        std::fs::write(&file, "").unwrap();
        for (path, reason) in [(&*made, "not to user 0"), (above, "who can replace what user 0 has in it")] {
            chown(path, Some(12345), Some(12345)).unwrap();
            refuses(&made, &format!("{} belongs to user 12345", path.display()));
            refuses(&made, reason);
            chown(path, Some(0), Some(0)).unwrap();
        }
        chown(&file, Some(12345), Some(12345)).unwrap();
        assert!(open(&file).is_err() && open_lock(&file).is_err() && open_to_lock(&file).is_none() && !is_own(&file));
    }

    #[test]
    fn links_and_pipes_are_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link, pipe) = (dir.path().join("file"), dir.path().join("link"), dir.path().join("pipe"));
        std::fs::write(&file, "mine").unwrap();
        symlink(&file, &link).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&link, &pipe, dir.path()] {
            assert!(open(path).is_err() && open_lock(path).is_err(), "{}", path.display());
        }
        assert!(open_to_lock(&link).is_none() && open_to_lock(&pipe).is_none());
        drop(open_lock(&file).unwrap());
        assert_eq!(io::read_to_string(open(&file).unwrap()).unwrap(), "mine", "a lock keeps what it holds");
    }
}
