//! The files of each crate import each other in one direction: no circles, and rooms in order.
//!
//! An arrow goes from a file to each file of which it names something, by `use` or by a path, past re-exports to where that is defined.
//! A module that only declares another, or passes on what that defines, has no arrow to it.

mod arrows;
mod circles;
mod tree;

use std::path::Path;

use arrows::{Arrows, arrows};
use circles::{circles, line};

/// A crate, and its rooms from the first to the last: a file names only what is in its own room or in one before. A room is a folder or a
/// file of the crate's source folder.
struct Crate {
    source: &'static str,
    roots: &'static [&'static str],
    rooms: &'static [&'static str],
}

const CRATES: [Crate; 9] = [
    Crate {
        source: "codegen/src",
        roots: &["lib.rs"],
        rooms: &[
            "ids",
            "layout",
            "ir",
            "lower",
            "ops",
            "network",
            "plan",
            "schedule",
            "tunings",
            "prove",
            "interpret",
            "emit",
            "compile",
            "lab",
            "lib",
        ],
    },
    Crate {
        source: "ops/src",
        roots: &["lib.rs"],
        rooms: &["arithmetic", "window", "reduction", "rearrange", "activation", "lib"],
    },
    Crate {
        source: "kernels/src",
        roots: &["lib.rs"],
        rooms: &["shape", "runtime", "report", "files", "reference", "generic", "sources", "lib"],
    },
    Crate {
        source: "models/src",
        roots: &["lib.rs"],
        rooms: &[
            "escape",
            "listing",
            "arithmetic",
            "graph",
            "scores",
            "moves",
            "zoo",
            "weights",
            "proto",
            "export",
            "input",
            "import",
            "lib",
        ],
    },
    Crate {
        source: "src",
        roots: &["lib.rs", "main.rs"],
        rooms: &["files", "tuning", "data", "classify", "compile", "judge", "measure", "lib", "cli", "main"],
    },
    Crate { source: "sartor-build/src", roots: &["lib.rs"], rooms: &["error", "module", "builder", "lib"] },
    Crate { source: "benches/src", roots: &["lib.rs"], rooms: &["lib", "problem", "engine"] },
    Crate {
        source: "fuzz/src",
        roots: &["lib.rs"],
        rooms: &["lib", "graph", "image", "kernel_name", "names", "npy", "onnx", "problem", "safetensors", "zoo_spec"],
    },
    Crate {
        source: "oracle/src",
        roots: &["lib.rs"],
        rooms: &["tolerance", "torch", "bounded", "check", "observe", "engine", "program", "engines", "random", "whole", "lib"],
    },
];

fn of(source: &str, roots: &[&str]) -> Arrows {
    arrows(&Path::new(env!("CARGO_MANIFEST_DIR")).join(source), roots)
}

/// The room of a file.
fn room(file: &str) -> &str {
    file.split_once('/').map_or_else(|| file.trim_end_matches(".rs"), |(folder, _)| folder)
}

#[test]
fn no_file_is_on_a_circle() {
    let mut found = Vec::new();
    for Crate { source, roots, .. } in CRATES {
        let arrows = of(source, roots);
        found.extend(circles(&arrows).iter().map(|circle| format!("{source}: {}", line(circle, &arrows))));
    }
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
}

#[test]
fn rooms_name_only_what_is_before_them() {
    let mut wrong = Vec::new();
    for Crate { source, roots, rooms } in CRATES {
        let place = |file: &str| {
            let place = rooms.iter().position(|&known| known == room(file));
            place.unwrap_or_else(|| panic!("{source}: {file} is in no room of the table"))
        };
        for (from, to) in of(source, roots) {
            let later = to.into_iter().filter(|(to, _)| place(to) > place(&from));
            wrong.extend(later.map(|(to, names)| format!("{source}: {from} -> {to} {names:?}")));
        }
    }
    assert!(wrong.is_empty(), "{} arrows lead back:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_crate_is_in_the_table() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().join("Cargo.toml").exists() && entry.path().join("src/lib.rs").exists() {
            names.push(format!("{}/src", entry.file_name().to_string_lossy()));
        }
    }
    assert!(names.len() > 4, "{names:?}");
    let known = |name: &String| CRATES.iter().any(|known| known.source == name);
    assert!(names.iter().all(known), "of {names:?} some are not in the table");
}

/// Writes a crate of these files and finds its circles.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let arrows = arrows(folder.path(), &["lib.rs"]);
    circles(&arrows).iter().map(|circle| line(circle, &arrows)).collect()
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let root = ("lib.rs", "mod room;\nmod a;\nmod b;\n");
    let ways = [
        "use crate::room::Thing;\npub fn f() {}",
        "use crate::room;\npub fn f() -> room::Thing { todo!() }",
        "use crate::{room::{self as other}};\npub fn f() { other::Thing::new(); }",
        "pub fn f() { let x: super::room::Thing; }",
        "pub fn f() { use crate::room::*; Thing::new(); }",
        "pub fn f() { println!(\"{}\", crate::room::Thing::new()); }",
        "macro_rules! id { ($name:ident) => { pub struct $name; } }\nid!(Id);\npub fn f() -> crate::room::Thing { self::Id; todo!() }",
        "#[derive(Error)]\n#[error(\"{}\", crate::room::Thing::name())]\npub struct E;\npub fn f() {}",
    ];
    for a in ways {
        let found = circles_of(&[
            root,
            ("room/mod.rs", "mod thing;\npub use thing::Thing;\n"),
            ("room/thing.rs", "use crate::b::G;\npub struct Thing(G);"),
            ("b.rs", "use super::a::f;\npub struct G;\nimpl G { fn g() { f(); } }"),
            ("a.rs", a),
        ]);
        let last = found.last().unwrap_or_else(|| panic!("{a}: no circle"));
        assert!(last.starts_with("a.rs -> room/thing.rs (Thing") && last.ends_with(" -> b.rs (G) -> a.rs (f)"), "{a}: {found:?}");
    }
}

#[test]
fn a_parent_and_a_child_that_name_each_other_are_a_circle() {
    let child = ("room/child.rs", "use super::Error;\npub fn f() -> Error { todo!() }");
    let parent = "mod child;\npub struct Error;\npub fn g() -> Error { child::f() }";
    assert_eq!(
        circles_of(&[("lib.rs", "mod room;"), ("room/mod.rs", parent), child]),
        ["room/child.rs -> room/mod.rs (Error) -> room/child.rs (f)"]
    );
    let only_declares = "mod child;\npub use child::f;\npub struct Error;";
    assert!(circles_of(&[("lib.rs", "mod room;"), ("room/mod.rs", only_declares), child]).is_empty());
    let passes_on_and_calls = only_declares.to_owned() + "\npub fn g() -> Error { f() }";
    assert_eq!(circles_of(&[("lib.rs", "mod room;"), ("room/mod.rs", &passes_on_and_calls), child]).len(), 1);
}

#[test]
fn code_for_tests_makes_no_circle() {
    let a = "pub struct A;\n#[cfg(all(test, unix))]\nmod tests { use crate::b::B; }\n#[cfg(test)]\nuse crate::b::B;";
    let b = "use crate::a::A;\npub struct B(A);";
    assert!(circles_of(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", a), ("b.rs", b)]).is_empty());
    let not_only = a.replace("all(test, unix)", "not(test)");
    assert_eq!(circles_of(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", &not_only), ("b.rs", b)]).len(), 1);
}
