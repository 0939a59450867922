//! The rows of a job that is not finished, in a file beside the one that they are for. After a kill, the next job begins with them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sartor_models::escape;
use serde::{Deserialize, Serialize};

/// The longest line that is read: a row has a few names of classes and a path.
const MAX_LINE: u64 = 1 << 20;

/// What tells a picture from one that it was changed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    size: u64,
    /// Nanoseconds since 1970.
    modified: i64,
}

impl Key {
    /// The key of a picture's file.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::metadata(path)?;
        let modified = found.modified()?;
        let nanoseconds = |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let modified = modified.duration_since(UNIX_EPOCH).map_or_else(|error| -nanoseconds(error.duration()), nanoseconds);
        Ok(Self { size: found.len(), modified })
    }
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
struct Line {
    path: String,
    key: Key,
    row: String,
}

/// The first line.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// The digest of all that rows depend on besides pictures.
    job: String,
}

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The system refused it. What was written before is kept.
    #[error("{}: {source}; the rows so far are kept: run the same command again to go on", escape::path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process writes to it.
    #[error("{}: another process is writing these rows", escape::path(.0))]
    Busy(PathBuf),
    /// It is no file of ours.
    #[error("{}: this is in the way of the rows of a job that is not finished; remove it", escape::path(.0))]
    Foreign(PathBuf),
}

/// What a file holds that is where the journal belongs.
enum Found {
    /// Rows of the same job.
    Same,
    /// Nothing, or rows of another job.
    Other,
    /// Something else, which is the user's.
    Foreign,
}

/// A row in the file.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    failed: bool,
}

/// The rows that are done.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// The end of the last whole line.
    end: u64,
    places: Vec<Option<Place>>,
}

impl Journal {
    /// A journal in memory of the system's, for rows that go nowhere if the job does not finish.
    ///
    /// # Errors
    /// If the system has no place for it.
    pub fn temporary(pictures: usize) -> Result<Self, JournalError> {
        let path = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(|source| JournalError::Io { path: path.clone(), source })?;
        Ok(Self { file, path, end: 0, places: vec![None; pictures] })
    }

    /// The journal of the rows for `output`, with those that a job of the same digest has left. Rows of pictures that were changed since are
    /// not taken.
    ///
    /// # Errors
    /// If it cannot be read or written, or another process writes to it.
    pub fn open(output: &Path, job: &str, pictures: &[PathBuf]) -> Result<Self, JournalError> {
        let mut path = output.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        let io = |source| JournalError::Io { path: path.clone(), source };
        if std::fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(JournalError::Foreign(path));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Busy(path)),
            // Some file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        let mut journal = Self { file, path: path.clone(), end: 0, places: vec![None; pictures.len()] };
        let head = serde_json::to_string(&Head { job: job.into() }).expect("a text is JSON") + "\n";
        match journal.resume(&head, pictures).map_err(io)? {
            Found::Same => journal.file.set_len(journal.end).map_err(io)?,
            Found::Other => {
                journal.file.set_len(0).map_err(io)?;
                journal.append(head.as_bytes()).map_err(io)?;
            }
            Found::Foreign => return Err(JournalError::Foreign(path)),
        }
        Ok(journal)
    }

    /// Reads what is there up to the first line that is not whole.
    fn resume(&mut self, head: &str, pictures: &[PathBuf]) -> io::Result<Found> {
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        while reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? > 0 {
            if self.end == 0 && line != head.as_bytes() {
                // A head that was not written to its end is one too.
                let is_head = head.as_bytes().starts_with(&line) || serde_json::from_slice::<Head>(&line).is_ok();
                return Ok(if is_head { Found::Other } else { Found::Foreign });
            }
            if self.end > 0 {
                let read = if line.ends_with(b"\n") { serde_json::from_slice::<Line>(&line).ok() } else { None };
                let Some(Line { path, key, .. }) = read else { break };
                if let Ok(index) = pictures.binary_search_by(|picture| picture.as_path().cmp(Path::new(&path)))
                    && Key::of(&pictures[index]).is_ok_and(|now| now == key)
                {
                    self.places[index] = Some(Place { at: self.end, failed: false });
                }
            }
            self.end += line.len() as u64;
            line.clear();
        }
        Ok(if self.end > 0 { Found::Same } else { Found::Other })
    }

    /// The pictures that have no row yet.
    pub fn missing(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|&index| self.places[index].is_none()).collect()
    }

    /// How many rows say that a picture failed.
    pub fn failed(&self) -> usize {
        self.places.iter().flatten().filter(|place| place.failed).count()
    }

    /// Adds a row. Those of pictures that failed, which have no key, are not taken when a job goes on.
    ///
    /// # Errors
    /// If it cannot be written. Then nothing of it is there.
    pub fn add(&mut self, index: usize, path: &Path, key: Option<Key>, row: String) -> Result<(), JournalError> {
        // A path that is no text would stand for another one.
        let name = path.to_str().filter(|_| key.is_some()).unwrap_or_default();
        let line = Line { path: name.into(), key: key.unwrap_or_default(), row };
        let text = serde_json::to_string(&line).expect("texts and numbers are JSON") + "\n";
        let at = self.end;
        self.append(text.as_bytes()).map_err(|source| JournalError::Io { path: self.path.clone(), source })?;
        self.places[index] = Some(Place { at, failed: key.is_none() });
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Calls `visit` with all rows, in the order of the pictures.
    ///
    /// # Errors
    /// If the journal cannot be read, or `visit` fails.
    pub fn rows(&self, mut visit: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        let mut reader = BufReader::new(&self.file);
        let mut now = None;
        for place in self.places.iter().flatten() {
            if now != Some(place.at) {
                reader.seek(SeekFrom::Start(place.at))?;
            }
            let mut line = Vec::new();
            reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
            now = Some(place.at + line.len() as u64);
            visit(&serde_json::from_slice::<Line>(&line)?.row)?;
        }
        Ok(())
    }

    /// Removes the file: the rows are where they belong.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(self) -> Result<(), JournalError> {
        std::fs::remove_file(&self.path).map_err(|source| JournalError::Io { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_not_done_again_unless_it_changed() {
        let dir = tempfile::tempdir().unwrap();
        let pictures: Vec<PathBuf> = ["a", "b", "c", "d"].map(|name| dir.path().join(name)).to_vec();
        pictures.iter().for_each(|path| std::fs::write(path, "x").unwrap());
        let output = dir.path().join("out.csv");
        let keys: Vec<Key> = pictures.iter().map(|path| Key::of(path).unwrap()).collect();
        let mut journal = Journal::open(&output, "one", &pictures).unwrap();
        for index in [2, 0, 1] {
            journal.add(index, &pictures[index], Some(keys[index]), format!("row {index}")).unwrap();
        }
        journal.add(3, &pictures[3], None, "failed".into()).unwrap();
        assert_eq!(journal.failed(), 1);
        assert!(matches!(Journal::open(&output, "one", &pictures), Err(JournalError::Busy(_))));
        drop(journal);
        // A kill in the middle of a line, and a picture that changed.
        let path = dir.path().join("out.csv.partial");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend(b"{\"path\":\"torn");
        std::fs::write(&path, bytes).unwrap();
        std::fs::write(&pictures[0], "longer").unwrap();
        let mut journal = Journal::open(&output, "one", &pictures).unwrap();
        assert_eq!(journal.missing(), [0, 3], "failures are tried again");
        let key = Key::of(&pictures[0]).unwrap();
        journal.add(0, &pictures[0], Some(key), "row 0 again".into()).unwrap();
        let mut rows = Vec::new();
        let keep = |row: &str| {
            rows.push(row.to_owned());
            Ok(())
        };
        journal.rows(keep).unwrap();
        assert_eq!(rows, ["row 0 again", "row 1", "row 2"]);
        drop(journal);
        assert_eq!(Journal::open(&output, "another", &pictures).unwrap().missing().len(), 4);
        // Half a head is nobody's; a file of the user's stays as it is.
        std::fs::write(&path, "{\"job\":\"o").unwrap();
        assert_eq!(Journal::open(&output, "one", &pictures).unwrap().missing().len(), 4);
        std::fs::write(&path, "my notes\n").unwrap();
        assert!(matches!(Journal::open(&output, "one", &pictures), Err(JournalError::Foreign(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my notes\n");
    }
}
