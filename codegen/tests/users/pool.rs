//! A pool in the hands of many threads.

use std::process::Command;

use sartor_codegen::compile::Kind;

use crate::{build, golden, stdout};

/// Says what it found, a line each.
const PROGRAM: &str = include_str!("pool_program.rs");

#[test]
fn callers_take_turns_and_none_waits_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let library = build(&golden(), 1, Kind::Lib, "golden", dir.path());
    let source = dir.path().join("user.rs");
    std::fs::write(&source, PROGRAM).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "-D", "warnings", "--out-dir"]).arg(dir.path()).arg(&source);
    stdout(&rustc.arg("--extern").arg(format!("golden={}", library.display())).output().unwrap());
    let printed = stdout(&Command::new(dir.path().join("user")).output().unwrap());
    let found: Vec<&str> = printed.lines().collect();
    assert_eq!(found, ["served in order", "served between others", "asleep", "4000 right answers, 0 allocations"]);
}
