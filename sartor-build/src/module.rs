//! Makes a module of a generated crate.

use std::path::{Path, PathBuf};

use sartor_codegen::compile::is_keyword;

/// The text of a file of the crate as it is in a module: what is named from the crate's root is named from the module above.
pub fn file(path: &Path, bytes: Vec<u8>) -> Vec<u8> {
    let is_below_root = path.parent() == Some(Path::new("src")) && path.extension().is_some_and(|extension| extension == "rs");
    match String::from_utf8(bytes) {
        Ok(text) if is_below_root => text.replace("crate::", "super::").into_bytes(),
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

/// The file that declares the module whose crate is in `folder`.
pub fn declaration(name: &str, folder: &Path) -> (PathBuf, String) {
    let root = folder.join("src/lib.rs");
    let text = format!(
        "/// A network that the build script compiled.\n#[allow(clashing_extern_declarations, dead_code, missing_docs, unused_imports, \
         clippy::all, clippy::pedantic)]\n#[path = {:?}]\npub mod {name};\n",
        root.to_string_lossy()
    );
    (folder.with_extension("rs"), text)
}

/// Whether a name can be that of a module and of a folder.
pub fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit()) && !is_keyword(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_modules() {
        assert!(["model", "_a", "net2"].into_iter().all(is_name));
        assert!(!["", "_", "2net", "a-b", "loop", "../a", "naïve"].into_iter().any(is_name));
    }

    #[test]
    fn only_files_beside_the_root_are_changed() {
        let text = b"use crate::weights::WEIGHTS;\n".to_vec();
        assert_eq!(file(Path::new("src/avx2.rs"), text.clone()), b"use super::weights::WEIGHTS;\n");
        assert_eq!(file(Path::new("src/runtime/mod.rs"), text.clone()), text);
        assert_eq!(file(Path::new("weights.bin"), vec![0xff]), [0xff]);
    }
}
