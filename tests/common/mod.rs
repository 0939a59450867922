//! Helpers for the tests of the command line.
#![allow(dead_code)] // Not every test file uses all of it.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde::de::DeserializeOwned;

pub mod python;

pub const PICTURE: &str = "examples/digit-7.png";

/// The cache of all tests.
pub fn cache() -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        // Where others can write to the clone, each process has a cache of its own.
        sartor::files::private::folder(&shared).unwrap_or_else(|_| Folder::new().0.keep())
    });
    FOLDER.clone()
}

/// Makes this process use the tests' cache instead of the user's. Tests that open models or read tunings begin with it.
pub fn own_cache() {
    sartor::files::cache_folder::set(cache());
}

pub fn sartor() -> Command {
    let mut command = Command::cargo_bin("sartor").expect("the binary is built");
    command.env("SARTOR_CACHE", cache()).env_remove("SARTOR_MAX_LEVEL");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// The packages of Python that scripts/setup-tools.sh installs, where it did.
pub fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools")
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
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        Self(builder.tempdir().unwrap())
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

/// A small network, with the arguments that name it: it takes [1, 3, 32, 32].
pub const TINY: [&str; 3] = ["mobilenet_v1_x0.05@32x32", "--classes", "2"];

/// The compiled program of [`TINY`], built once for all tests of a file.
pub static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!("tiny-", env!("CARGO_CRATE_NAME")));
    let options = ["--levels", "portable", "--kind", "bin", "--json", "-o", folder.to_str().unwrap()];
    let report: serde_json::Value = json(&[&["compile"], &TINY[..], &options].concat());
    report["artifact"].as_str().unwrap().into()
});

/// A file of that header and so many bytes of values, the same each time.
pub fn npy_file(version: [u8; 2], header: &str, bytes: usize) -> Vec<u8> {
    let len = header.len() as u32;
    let len = if version[0] == 1 { (len as u16).to_le_bytes().to_vec() } else { len.to_le_bytes().to_vec() };
    let values = (0..bytes as u32 / 4).flat_map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0).to_le_bytes());
    let values = values.chain(std::iter::repeat(0)).take(bytes);
    [b"\x93NUMPY", &version[..], &len, header.as_bytes(), &values.collect::<Vec<u8>>()].concat()
}

/// A good input of [`TINY`].
pub fn good_input() -> Vec<u8> {
    npy_file([1, 0], "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 32, 32), }\n", 4 * 3 * 32 * 32)
}
