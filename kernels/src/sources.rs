//! The text of what generated crates have a copy of.

/// The runtime, which every crate has: names and texts of its files.
pub const RUNTIME: [(&str, &str); 12] = [
    ("mod.rs", include_str!("runtime/mod.rs")),
    ("arena.rs", include_str!("runtime/arena.rs")),
    ("cores.rs", include_str!("runtime/cores.rs")),
    ("huge.rs", include_str!("runtime/huge.rs")),
    ("layout.rs", include_str!("runtime/layout.rs")),
    ("level.rs", include_str!("runtime/level.rs")),
    ("program.rs", include_str!("runtime/program.rs")),
    ("session.rs", include_str!("runtime/session.rs")),
    ("threads.rs", include_str!("runtime/threads.rs")),
    ("units.rs", include_str!("runtime/units.rs")),
    ("wait.rs", include_str!("runtime/wait.rs")),
    ("weights.rs", include_str!("runtime/weights.rs")),
];

/// What every program has in addition to the runtime.
pub const FILES: [(&str, &str); 4] = [
    ("mod.rs", include_str!("files/mod.rs")),
    ("header.rs", include_str!("files/header.rs")),
    ("npy.rs", include_str!("files/npy.rs")),
    ("output.rs", include_str!("files/output.rs")),
];

/// A file without its last lines, which declare the module of its tests.
pub fn without_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\n").map_or(text, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn whole_folders_are_copied() {
        for (folder, copied) in [("runtime", &RUNTIME[..]), ("files", &FILES)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
            let mut found: Vec<String> =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            found.sort();
            let mut copied: Vec<&str> = copied.iter().map(|(name, _)| *name).collect();
            copied.sort_unstable();
            assert_eq!(found, copied);
        }
    }

    #[test]
    fn what_is_copied_is_all_but_the_tests() {
        let mut tested = 0;
        for (name, text) in RUNTIME.iter().chain(&FILES) {
            let copied = without_tests(text);
            assert!(!copied.contains("(test)"), "{name}");
            if copied.len() < text.len() {
                assert_eq!(
                    text[copied.len()..],
                    format!("\n#[cfg(test)]\n#[path = \"../tests/{name}\"]\nmod tests;\n"),
                    "{name}"
                );
                tested += 1;
            }
        }
        assert_eq!(tested, 8);
    }
}
