//! Names of a classifier's classes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

/// The largest list of names that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The names of classes. A class without a name is called by its index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Labels(Vec<String>);

impl Labels {
    /// These names; `None` if one of them has several lines.
    pub fn new(names: Vec<String>) -> Option<Self> {
        names.iter().all(|name| !name.contains(['\n', '\r'])).then_some(Self(names))
    }

    /// All names, in the order of the classes.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Reads a text file with one name a line.
    ///
    /// # Errors
    /// If the file cannot be read as text, or is longer than 16 MiB.
    pub fn load(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        if File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)? as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a list of names has at most 16 MiB"));
        }
        Ok(Self(text.lines().map(str::to_owned).collect()))
    }

    /// The number of names; 0 if classes are called by their index.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether classes are called by their index.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of a class.
    pub fn name(&self, class: usize) -> String {
        self.0.get(class).cloned().unwrap_or_else(|| class.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_back_to_the_index() {
        let labels = Labels(vec!["cat".into()]);
        assert_eq!((labels.name(0), labels.name(1)), ("cat".into(), "1".into()));
    }
}
