//! Paths that a pattern stands for: `*` and `?` in names, and `**` for any number of folders.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Whether a path is a pattern.
pub fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains(['*', '?']))
}

/// The files that a pattern stands for, in no order. Links to folders are not followed under `**`.
///
/// # Errors
/// If a folder cannot be read.
pub fn expand(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let parts: Vec<Component<'_>> = pattern.components().collect();
    let mut found = Vec::new();
    walk(PathBuf::new(), &parts, &mut found)?;
    Ok(found)
}

fn walk(base: PathBuf, parts: &[Component<'_>], found: &mut Vec<PathBuf>) -> io::Result<()> {
    let [part, rest @ ..] = parts else {
        if base.is_file() {
            found.push(base);
        }
        return Ok(());
    };
    let pattern = match part {
        Component::Normal(name) => name.to_str().filter(|name| name.contains(['*', '?'])),
        _ => None,
    };
    let Some(pattern) = pattern else { return walk(base.join(part), rest, found) };
    if pattern == "**" {
        walk(base.clone(), rest, found)?;
    }
    let folder = if base.as_os_str().is_empty() { Path::new(".") } else { &base };
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let next = base.join(&name);
        if pattern == "**" {
            if entry.file_type()?.is_dir() {
                walk(next, parts, found)?;
            }
        } else if name.to_str().is_some_and(|name| matches(pattern.as_bytes(), name.as_bytes())) {
            walk(next, rest, found)?;
        }
    }
    Ok(())
}

/// Whether a name is as a pattern says. Takes at most the product of their lengths in steps.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // Hidden files are named on purpose only.
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b'?') => {
                // A character, not a byte.
                n += 1;
                while name.get(n).is_some_and(|byte| byte & 0xc0 == 0x80) {
                    n += 1;
                }
                p += 1;
            }
            Some(byte) if *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                (p, n) = (at + 1, from + 1);
                star = Some((at, from + 1));
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match() {
        let is = |pattern: &str, name: &str| matches(pattern.as_bytes(), name.as_bytes());
        for (pattern, name) in [("*.jpg", "a.jpg"), ("a*b*c", "a1b2b3c"), ("?.png", "ü.png"), ("*", "x"), ("a**", "a")] {
            assert!(is(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.jpg", "a.jpeg"), ("a*b*c", "a1b2b3"), ("?", "ab"), ("*", ".hidden"), ("", "a")] {
            assert!(!is(pattern, name), "{pattern} {name}");
        }
        assert!(!is(&"*a".repeat(200), &"a".repeat(190)));
    }

    #[test]
    fn folders_are_walked() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.jpg", "x/b.jpg", "x/y/c.jpg", "x/y/c.png"] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let count = |pattern: &str| expand(&dir.path().join(pattern)).unwrap().len();
        assert_eq!((count("*.jpg"), count("*/*.jpg"), count("**/*.jpg"), count("**/c.*"), count("z/*")), (1, 1, 3, 2, 0));
    }
}
