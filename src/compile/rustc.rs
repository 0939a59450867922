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
use super::target::{Linker, Target, TargetError};
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
    /// What builds for a target is missing.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The static library cannot be made one object.
    #[error("cannot make the static library: {0}")]
    Archive(String),
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
    /// The static library, as rustc leaves it, for C.
    pub archive: Option<PathBuf>,
    /// What a program that links the static library must link as well, such as `-lm`.
    pub native: String,
    folder: Staging,
}

impl Built {
    /// The folder that it was built in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Builds a crate in a private folder.
pub(crate) fn build(generated: &Generated, kind: Kind, target_machine: &Target) -> Result<Built, BuildError> {
    let folder = output::private_dir()?;
    let (sources, target) = (folder.path().join("crate"), folder.path().join("target"));
    for (path, bytes) in &generated.files {
        let path = sources.join(path);
        output::write_staged(&path, bytes).map_err(|source| BuildError::Io { path, source })?;
    }
    std::fs::create_dir(&target)?;
    let (package, name) = (package(generated), crate_name(generated));
    let for_machine = rustc_args(target_machine, folder.path())?;
    let rlib = target.join(format!("lib{name}.rlib"));
    let compile = |crate_type: &str, root: &str, file: &Path, more: &[&str]| {
        let mut rustc = rustc();
        rustc.args(FLAGS).args(["--crate-type", crate_type, "--crate-name", &name]).args(more).args(&for_machine);
        // Messages of panics name files as in Cargo's builds, wherever the crate is built.
        rustc.arg(format!("--remap-path-prefix={}=", sources.display())).arg(sources.join(root));
        // Several files have names of rustc's in a folder.
        rustc.arg(if file.is_dir() { "--out-dir" } else { "-o" }).arg(file);
        succeed(rustc.env("TMPDIR", folder.path()), &package, folder.path())
    };
    let artifact = match kind {
        Kind::Lib => rlib.clone(),
        Kind::Bin => target.join(format!("{package}{}", std::env::consts::EXE_SUFFIX)),
        Kind::C | Kind::Wheel => target.join(format!("lib{name}.so")),
        Kind::Dylib => target.join(format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)),
    };
    let mut archive = None;
    let mut native = String::new();
    match kind {
        Kind::C | Kind::Wheel => {
            if !target_machine.is_linux() {
                return Err(target_machine.error("libraries for C and Python are made for Linux only").into());
            }
            let soname = format!("-Clink-arg=-Wl,-soname,lib{name}.so");
            let mut more = vec!["-Cpanic=abort", &soname];
            // A library for musl is shared only if musl is.
            more.extend(target_machine.is_musl().then_some("-Ctarget-feature=-crt-static"));
            let crate_type = if kind == Kind::C { "cdylib,staticlib" } else { "cdylib" };
            if kind == Kind::C {
                more.push("--print=native-static-libs");
                archive = Some(target.join(format!("lib{name}.a")));
            }
            let said = compile(crate_type, "src/lib.rs", &target, &more)?;
            let said = String::from_utf8_lossy(&said.stderr).into_owned();
            native = said.lines().find_map(|line| line.split_once("native-static-libs: ")).map_or("", |(_, libs)| libs).into();
        }
        // The library will be loaded into this process, so it is built for the same target.
        Kind::Dylib => drop(compile("cdylib", "src/lib.rs", &artifact, &["--target", env!("SARTOR_TARGET")])?),
        Kind::Lib | Kind::Bin => drop(compile("rlib", "src/lib.rs", &rlib, &[])?),
    }
    if kind == Kind::Bin {
        compile("bin", "src/main.rs", &artifact, &["--extern", &format!("{name}={}", rlib.display())])?;
    }
    Ok(Built { artifact, archive, native, folder })
}

/// What rustc is told of the machine that a crate is for.
fn rustc_args(machine: &Target, folder: &Path) -> Result<Vec<String>, BuildError> {
    let mut args = Vec::new();
    if let Some(triple) = machine.triple() {
        let mut ask = rustc();
        ask.args(["--print", "target-libdir", "--target", triple]);
        let asked = ask.output().map_err(|source| BuildError::NoRustc { rustc: ask.get_program().into(), source })?;
        if !asked.status.success() {
            let said = String::from_utf8_lossy(&asked.stderr);
            return Err(machine
                .error(said.lines().next().unwrap_or("rustc does not know it").trim_start_matches("error: "))
                .into());
        }
        if !Path::new(String::from_utf8_lossy(&asked.stdout).trim()).is_dir() {
            let what = format!("Rust's standard library for it is not installed: run `rustup target add {triple}`");
            return Err(machine.error(&what).into());
        }
        args.push(format!("--target={triple}"));
    }
    match machine.linker()? {
        Linker::Default => {}
        Linker::Command(command) => args.push(format!("-Clinker={command}")),
        Linker::Script(text) => {
            let script = folder.join("linker");
            output::write_script(&script, &text).map_err(|source| BuildError::Io { path: script.clone(), source })?;
            args.push(format!("-Clinker={}", script.display()));
        }
    }
    Ok(args)
}

/// The package's name in the crate's manifest.
fn package(generated: &Generated) -> String {
    of_manifest(generated, "name").unwrap_or_else(|| "network".into())
}

/// As Cargo has it: a crate's name has a `_` for each `-` of the package's name.
pub(crate) fn crate_name(generated: &Generated) -> String {
    package(generated).replace('-', "_")
}

/// The package's version in the crate's manifest.
pub(crate) fn version(generated: &Generated) -> String {
    of_manifest(generated, "version").unwrap_or_else(|| "0.1.0".into())
}

/// An entry of the crate's manifest that has no character to escape.
fn of_manifest(generated: &Generated, key: &str) -> Option<String> {
    let (_, bytes) = generated.files.iter().find(|(path, _)| path == Path::new("Cargo.toml"))?;
    let text = String::from_utf8_lossy(bytes);
    text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned()))
}

/// Rust's own tools for objects, and what they need to be found: the sysroot's programs and libraries.
pub(crate) fn sysroot() -> Result<PathBuf, BuildError> {
    let mut rustc = rustc();
    let output = succeed(rustc.args(["--print", "sysroot"]), "anything", &std::env::temp_dir())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
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
