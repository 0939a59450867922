//! The pictures that arguments name.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sartor_models::escape;

use super::glob;

/// The largest list that is read, in bytes.
const MAX_LIST: u64 = 1 << 30;
/// The endings of pictures.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Pictures cannot be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A folder or list cannot be read.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The folder or list.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A list is no text, or too long.
    #[error("{}: {what}", escape::path(path))]
    List {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// There is no picture.
    #[error("{}: no picture is there: pictures end in .jpg, .jpeg or .png", escape::path(.0))]
    None(PathBuf),
}

/// The paths of all pictures that the arguments name, sorted, each once. An argument is a picture; a folder, for all pictures in it and in
/// its folders; a pattern with `*`, `?` or `**`; or a text file with a path a line.
///
/// # Errors
/// If a folder or list cannot be read, or an argument names no picture.
pub fn paths(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, SourceError> {
    let mut all = Vec::new();
    for argument in arguments {
        let before = all.len();
        let io = |source| SourceError::Io { path: argument.clone(), source };
        if is_picture(argument) && !argument.is_dir() && (argument.exists() || !glob::is_pattern(argument)) {
            all.push(argument.clone());
        } else if glob::is_pattern(argument) && !argument.exists() {
            all.extend(glob::expand(argument).map_err(io)?.into_iter().filter(|path| is_picture(path)));
        } else if std::fs::metadata(argument).map_err(io)?.is_dir() {
            folder(argument, &mut all)?;
        } else {
            list(argument, &mut all)?;
        }
        if all.len() == before {
            return Err(SourceError::None(argument.clone()));
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

/// All pictures of a folder and of its folders. Links to folders are not followed, so that there is an end.
fn folder(path: &Path, all: &mut Vec<PathBuf>) -> Result<(), SourceError> {
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let io = |source| SourceError::Io { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            if entry.file_type().map_err(io)?.is_dir() {
                folders.push(entry.path());
            } else if is_picture(&entry.path()) {
                all.push(entry.path());
            }
        }
    }
    Ok(())
}

/// The paths in a text file.
fn list(path: &Path, all: &mut Vec<PathBuf>) -> Result<(), SourceError> {
    let wrong = |what| SourceError::List { path: path.into(), what };
    let io = |source| SourceError::Io { path: path.into(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MAX_LIST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(wrong("a list has at most 1 GiB"));
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| wrong("this is no picture, and no list of paths either: a list is text with a path a line"))?;
    all.extend(text.lines().filter(|line| !line.trim().is_empty()).map(PathBuf::from));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_lists_and_patterns_give_sorted_paths() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("f/g")).unwrap();
        for file in ["f/b.JPG", "f/g/a.png", "f/notes.txt", "z.jpeg"] {
            std::fs::write(at(file), "").unwrap();
        }
        let names = |arguments: &[PathBuf]| -> Vec<String> {
            let relative = |path: PathBuf| path.strip_prefix(dir.path()).unwrap_or(&path).to_str().unwrap().to_owned();
            paths(arguments).unwrap().into_iter().map(relative).collect()
        };
        assert_eq!(names(&[at("z.jpeg"), at("f"), at("f")]), ["f/b.JPG", "f/g/a.png", "z.jpeg"]);
        assert_eq!(names(&[at("**/*.png")]), ["f/g/a.png"]);
        std::fs::write(at("list"), "\r\n/x/1.jpg\r\n/x/0.bmp\n\n").unwrap();
        assert_eq!(names(&[at("list")]), ["/x/0.bmp", "/x/1.jpg"]);
        assert_eq!(names(&[at("missing.jpg")]), ["missing.jpg"], "a picture that is not there is a row with its error");
        std::fs::write(at("binary"), [0xff, 0xfe, 0]).unwrap();
        let refused = |name: &str| paths(&[at(name)]).unwrap_err().to_string();
        assert!(refused("binary").contains("no list of paths"));
        assert!(refused("missing").contains("No such file"));
        assert!(refused("*.png").contains("no picture is there"));
    }
}
