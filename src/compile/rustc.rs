//! Builds a generated crate with rustc.
//!
//! rustc is called directly. Cargo would read settings from the environment, from the user's folder and from all folders above the current
//! one. rustc gets only those environment variables that it needs to be found and to run. So the result depends on the crate, on
//! the version of rustc and on this file alone.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use sartor_codegen::compile::Kind;
use sartor_models::escape;

use super::generate::Generated;
use crate::files::output::{self, Staging};

/// The crate cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// rustc cannot be started.
    #[error(
        "cannot start {}: {source}; compiling a network needs the Rust compiler, rustc, on the PATH: see https://rustup.rs",
        escape::path(rustc)
    )]
    NoRustc {
        /// The program that was called.
        rustc: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// rustc failed.
    #[error("rustc could not build {name}:\n{log}")]
    Rustc {
        /// The crate's name.
        name: String,
        /// The last lines that rustc printed.
        log: String,
    },
    /// A file cannot be written.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No folder to build in can be made.
    #[error("cannot build: {0}")]
    Folder(#[from] io::Error),
}

/// The flags for every crate. Cargo derives the same from a generated crate's manifest in release mode.
pub(crate) const FLAGS: [&str; 5] =
    ["--edition=2024", "-Copt-level=3", "-Ccodegen-units=1", "-Cembed-bitcode=no", "-Cstrip=symbols"];

/// The environment variables that rustc and the linker get: they say where these are, and what they run with.
const ENVIRONMENT: [&str; 17] = [
    "PATH",
    "HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_AUTO_INSTALL",
    "LD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "DEVELOPER_DIR",
    "SystemRoot",
    "SystemDrive",
    "PATHEXT",
    "USERPROFILE",
    "ProgramData",
    "ProgramFiles",
    "ProgramFiles(x86)",
    "LIB",
];

/// How many lines of rustc's output an error repeats.
const LOG_LINES: usize = 30;

/// If fewer bytes than this are free, a build may have failed because the disk is full.
const LITTLE: u64 = 16 << 20;

/// What rustc built. The folder is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Built {
    /// The program or library.
    pub artifact: PathBuf,
    _folder: Staging,
}

/// Builds a crate in a private folder.
pub(crate) fn build(generated: &Generated, kind: Kind) -> Result<Built, BuildError> {
    let folder = output::private_dir()?;
    let (sources, target) = (folder.path().join("crate"), folder.path().join("target"));
    for (path, bytes) in &generated.files {
        let path = sources.join(path);
        output::write_staged(&path, bytes).map_err(|source| BuildError::Io { path, source })?;
    }
    std::fs::create_dir(&target)?;
    let package = package(generated);
    // As Cargo does: a crate's name has a `_` for each `-` of the package's name.
    let name = package.replace('-', "_");
    let rlib = target.join(format!("lib{name}.rlib"));
    let compile = |crate_type: &str, root: &str, file: &Path, more: &[&str]| {
        let mut rustc = rustc();
        rustc.args(FLAGS).args(["--crate-type", crate_type, "--crate-name", &name]).args(more);
        // Messages of panics name files as in Cargo's builds, wherever the crate is built.
        rustc.arg(format!("--remap-path-prefix={}=", sources.display())).arg(sources.join(root)).arg("-o").arg(file);
        succeed(rustc.env("TMPDIR", folder.path()), &package, folder.path())
    };
    let artifact = match kind {
        Kind::Lib => rlib.clone(),
        Kind::Bin => target.join(format!("{package}{}", std::env::consts::EXE_SUFFIX)),
        Kind::Dylib => target.join(format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)),
    };
    match kind {
        // The library will be loaded into this process, so it is built for the same target.
        Kind::Dylib => drop(compile("cdylib", "src/lib.rs", &artifact, &["--target", env!("SARTOR_TARGET")])?),
        Kind::Lib | Kind::Bin => drop(compile("rlib", "src/lib.rs", &rlib, &[])?),
    }
    if kind == Kind::Bin {
        compile("bin", "src/main.rs", &artifact, &["--extern", &format!("{name}={}", rlib.display())])?;
    }
    Ok(Built { artifact, _folder: folder })
}

/// The package's name in the crate's manifest.
fn package(generated: &Generated) -> String {
    let manifest = generated.files.iter().find(|(path, _)| path == Path::new("Cargo.toml"));
    let text = manifest.map_or_else(Default::default, |(_, bytes)| String::from_utf8_lossy(bytes));
    text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).unwrap_or("network").to_owned()
}

/// What `rustc -vV` prints. It is called once a process.
pub(crate) fn rustc_version() -> Result<&'static str, BuildError> {
    static VERSION: OnceLock<String> = OnceLock::new();
    if let Some(version) = VERSION.get() {
        return Ok(version);
    }
    let mut rustc = rustc();
    rustc.arg("-vV");
    let output = succeed(&mut rustc, "anything", &std::env::temp_dir())?;
    Ok(VERSION.get_or_init(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// The user's rustc, started in the root folder: there, rustup finds no settings of other projects.
fn rustc() -> Command {
    let rustc = PathBuf::from(std::env::var_os("RUSTC").filter(|name| !name.is_empty()).unwrap_or_else(|| "rustc".into()));
    // A name without a folder is looked up in the PATH.
    let is_name = rustc.components().count() == 1;
    let mut command = Command::new(if is_name { rustc } else { std::path::absolute(&rustc).unwrap_or(rustc) });
    without_settings(&mut command);
    command.current_dir(if cfg!(windows) { "C:\\" } else { "/" });
    command
}

/// Clears a command's environment, except for the variables that are needed to find and run a compiler and a linker. Settings for the user's
/// own projects would change the program.
pub fn without_settings(command: &mut Command) -> &mut Command {
    command.env_clear().envs(ENVIRONMENT.iter().filter_map(|&name| Some((name, std::env::var_os(name)?))))
}

fn succeed(rustc: &mut Command, name: &str, folder: &Path) -> Result<Output, BuildError> {
    let output = rustc.output().map_err(|source| BuildError::NoRustc { rustc: rustc.get_program().into(), source })?;
    if output.status.success() {
        return Ok(output);
    }
    let log = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = log.lines().collect();
    let mut log = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
    if lines.is_empty() {
        log = format!("{}: {}", rustc.get_program().display(), output.status);
    }
    Err(BuildError::Rustc { name: name.into(), log: log + &little_space(folder).unwrap_or_default() })
}

/// What to add to rustc's output if the disk is nearly full: a linker that fills the disk is killed by a signal and does not say why.
fn little_space(folder: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(folder).ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let place = std::env::temp_dir();
        let room = format!(
            "\nonly {free} bytes are free in {}, so the disk may be full: set TMPDIR to use another folder",
            escape::path(&place)
        );
        (free < LITTLE).then_some(room)
    }
    #[cfg(not(unix))]
    None
}
