//! Cargo, called to build a generated crate.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::generate::Kind;
use serde_json::Value;

/// A crate that was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Cargo cannot be started.
    #[error("cannot start {}: {source}: compiling a network needs Rust's cargo on the PATH, see https://rustup.rs", cargo.display())]
    NoCargo {
        /// What was called.
        cargo: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Cargo failed.
    #[error("cargo could not build {}:\n{log}", dir.display())]
    Cargo {
        /// The crate.
        dir: PathBuf,
        /// The end of what it printed.
        log: String,
    },
    /// Cargo succeeded without the expected artifact.
    #[error("cargo built no {kind:?} in {}", dir.display())]
    NoArtifact {
        /// The crate.
        dir: PathBuf,
        /// What was expected.
        kind: Kind,
    },
}

/// Lines of Cargo's output that an error repeats.
const LOG_LINES: usize = 30;

/// Free bytes below which a failed build may have filled the disk.
const LITTLE: u64 = 16 << 20;

/// Builds the crate in `dir` offline in release mode, with everything that Cargo writes in `target`, and finds what it made.
pub(crate) fn cargo_build(dir: &Path, kind: Kind, target: &Path) -> Result<PathBuf, BuildError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(&cargo);
    command.current_dir(dir).args([
        "build",
        "--release",
        "--offline",
        "--message-format=json-render-diagnostics",
        "--target-dir",
    ]);
    command.arg(target);
    match kind {
        // It will be loaded into this process.
        Kind::Dylib => command.args(["--target", env!("SARTOR_TARGET")]),
        Kind::Bin => command.arg("--bins"),
        Kind::Lib => command.arg("--lib"),
    };
    // Settings for the user's own project would make another program.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"]
    {
        command.env_remove(name);
    }
    let output = command.output().map_err(|source| BuildError::NoCargo { cargo: cargo.into(), source })?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = log.lines().collect();
        let log = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n") + &little_space(target).unwrap_or_default();
        return Err(BuildError::Cargo { dir: dir.into(), log });
    }
    artifact(&output.stdout, kind).ok_or_else(|| BuildError::NoArtifact { dir: dir.into(), kind })
}

/// What to add to Cargo's words where little space is left: a linker that fills the disk dies of a signal and does not say why.
fn little_space(folder: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(folder).ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        (free < LITTLE).then(|| format!("\nonly {free} bytes are free in {}: the disk may be full", folder.display()))
    }
    #[cfg(not(unix))]
    None
}

/// The artifact in Cargo's messages. A generated crate has no dependencies, so the last that fits is its own.
fn artifact(messages: &[u8], kind: Kind) -> Option<PathBuf> {
    let messages = messages.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let files = |message: &Value| match kind {
        Kind::Bin => vec![message["executable"].clone()],
        Kind::Lib | Kind::Dylib => message["filenames"].as_array().cloned().unwrap_or_default(),
    };
    let fits = |file: &Path| match kind {
        Kind::Bin => true,
        Kind::Lib => file.extension().is_some_and(|e| e == "rlib"),
        Kind::Dylib => file.extension().is_some_and(|e| e == std::env::consts::DLL_EXTENSION),
    };
    let paths = messages.filter(|m| m["reason"] == "compiler-artifact").flat_map(|m| files(&m));
    paths.filter_map(|file| file.as_str().map(PathBuf::from)).rfind(|file| fits(file))
}
