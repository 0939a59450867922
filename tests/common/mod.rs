//! What tests of the command line share.
#![allow(dead_code)] // Not every test file uses all of it.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde::de::DeserializeOwned;

pub const PICTURE: &str = "examples/digit-7.png";

pub fn sartor() -> Command {
    let mut command = Command::cargo_bin("sartor").expect("the binary is built");
    command.env("SARTOR_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")).env_remove("SARTOR_MAX_LEVEL");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Arguments that must fail with an error that contains all of `parts`, and without a panic.
pub fn fails(args: &[&str], parts: &[&str]) {
    let assert = sartor().args(args).assert().failure().stdout("").stderr(predicate::str::starts_with("error: "));
    let assert = assert.stderr(contains("panicked").not());
    parts.iter().fold(assert, |assert, part| assert.stderr(contains(*part)));
}

pub fn json<T: DeserializeOwned>(args: &[&str]) -> T {
    let output = sartor().args(args).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub fn entries(&self) -> usize {
        std::fs::read_dir(self.0.path()).unwrap().count()
    }
}
