//! The machine that a crate is built for, and the linker for it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use sartor_models::escape;

/// A machine, and the oldest C library that it may have. The default is the machine that compiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    triple: Option<String>,
    glibc: Option<Glibc>,
}

/// A version of the GNU C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    /// 2, so far.
    pub major: u32,
    /// The number after the point.
    pub minor: u32,
}

/// A target that cannot be built for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot build for {}: {what}", escape::line(target))]
pub struct TargetError {
    /// The target, as Rust names it.
    pub target: String,
    /// What is wrong or missing, and what to do.
    pub what: String,
}

/// What links for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Linker {
    /// What rustc takes by itself.
    Default,
    /// A program.
    Command(String),
    /// A script to write.
    Script(String),
}

impl Target {
    /// The machine of a triple such as `aarch64-unknown-linux-gnu`, or this one, with this C library or an older one.
    ///
    /// # Errors
    /// If the triple is none, or the target has no GNU C library to be of a version.
    pub fn new(triple: Option<&str>, glibc: Option<Glibc>) -> Result<Self, TargetError> {
        let target = Self { triple: triple.map(str::to_owned), glibc };
        let is_part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric());
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !target.name().chars().all(plain) || !target.name().split('-').all(is_part) || !target.name().contains('-') {
            return Err(target.error("write it as Rust does, such as aarch64-unknown-linux-gnu"));
        }
        if glibc.is_some() && !target.name().ends_with("linux-gnu") {
            return Err(target.error("a version of glibc goes with a target that ends in linux-gnu"));
        }
        Ok(target)
    }

    /// The triple that was asked for.
    pub fn triple(&self) -> Option<&str> {
        self.triple.as_deref()
    }

    /// The architecture, as Rust names it.
    pub fn arch(&self) -> &str {
        self.name().split('-').next().unwrap_or_default()
    }

    /// The triple.
    pub(super) fn name(&self) -> &str {
        self.triple.as_deref().unwrap_or(env!("SARTOR_TARGET"))
    }

    pub(super) fn is_linux(&self) -> bool {
        self.name().contains("-linux-")
    }

    pub(super) fn is_musl(&self) -> bool {
        self.name().contains("-linux-musl")
    }

    pub(super) fn error(&self, what: &str) -> TargetError {
        TargetError { target: self.name().into(), what: what.into() }
    }

    /// What links: what Cargo's variable for the target's linker says, a compiler for C of the target, or zig's.
    ///
    /// # Errors
    /// If there is none of them.
    pub(super) fn linker(&self) -> Result<Linker, TargetError> {
        if self.glibc.is_none() {
            if self.name() == env!("SARTOR_TARGET") {
                return Ok(Linker::Default);
            }
            let variable = format!("CARGO_TARGET_{}_LINKER", self.name().to_uppercase().replace(['-', '.'], "_"));
            if let Some(linker) = std::env::var(&variable).ok().filter(|linker| !linker.is_empty()) {
                return Ok(Linker::Command(linker));
            }
            if !self.is_linux() {
                return Ok(Linker::Default);
            }
            if let Some(compiler) = self.c_compiler().filter(|compiler| is_in_path(compiler)) {
                return Ok(Linker::Command(compiler));
            }
        }
        let Some(program) = zig() else {
            let zig = "zig's linker is not installed: run `pip install ziglang`";
            let what = match (self.glibc, self.c_compiler()) {
                (None, Some(compiler)) => format!("there is no {compiler} on the PATH, and {zig}"),
                (Some(Glibc { major, minor }), _) => format!("glibc {major}.{minor} takes zig, and {zig}"),
                (None, None) => zig.into(),
            };
            return Err(self.error(&what));
        };
        Ok(Linker::Script(self.by_zig(&program)))
    }

    /// The name that distributions give a compiler for the target.
    fn c_compiler(&self) -> Option<String> {
        let system = self.name().split_once("-linux-")?.1;
        Some(format!("{}-linux-{system}-gcc", self.arch()))
    }

    /// A linker that is zig's. What rustc says of its own linker is left out.
    fn by_zig(&self, program: &str) -> String {
        let program = program.replace('\'', r"'\''");
        let system = self.name().split_once("-linux-").map_or("gnu", |(_, system)| system);
        let version = self.glibc.map_or_else(String::new, |Glibc { major, minor }| format!(".{major}.{minor}"));
        format!(
            "#!/bin/sh\nfor arg do\n  shift\n  case $arg in\n    -fuse-ld=*|-B*gcc-ld|--target=*|-m64) ;;\n    \
             -lgcc_s|-lgcc_eh) set -- \"$@\" -lunwind ;;\n    *) set -- \"$@\" \"$arg\" ;;\n  esac\ndone\n\
             exec '{program}' cc -target {}-linux-{system}{version} \"$@\"\n",
            self.arch()
        )
    }
}

fn is_in_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).map(|folder: PathBuf| folder.join(program)).any(|path| path.is_file())
}

/// The path of zig, where Python finds the package. The linker does not ask: rustc passes on no settings of Python's.
fn zig() -> Option<String> {
    let ask = "import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))";
    let told = Command::new("python3").args(["-c", ask]).output().ok().filter(|output| output.status.success())?;
    let path = String::from_utf8(told.stdout).ok()?.trim_end().to_owned();
    Path::new(&path).is_file().then_some(path)
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Glibc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = || {
            let (major, minor) = text.split_once('.')?;
            Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
        };
        let known = numbers().filter(|&glibc| glibc >= Self { major: 2, minor: 17 } && glibc.major == 2 && glibc.minor < 100);
        known.ok_or_else(|| format!("glibc is '{}': use 2.17 or a later version", escape::line(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_triples() {
        for name in ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "thumbv7em-none-eabihf"] {
            assert_eq!(Target::new(Some(name), None).unwrap().triple(), Some(name));
        }
        for name in ["", "aarch64", "-x", "a--b", "/etc/x.json", "a-b;rm", "x86_64-\u{1b}"] {
            let error = Target::new(Some(name), None).unwrap_err().to_string();
            assert!(error.contains("write it as Rust does") && !error.contains('\u{1b}'), "{error}");
        }
        let glibc = "2.17".parse().ok();
        assert!(Target::new(Some("x86_64-unknown-linux-musl"), glibc).unwrap_err().what.contains("linux-gnu"));
        assert_eq!(Target::new(Some("aarch64-unknown-linux-gnu"), glibc).unwrap().arch(), "aarch64");
    }

    #[test]
    fn versions_of_glibc() {
        assert_eq!("2.17".parse(), Ok(Glibc { major: 2, minor: 17 }));
        for text in ["", "2", "2.", "2.5", "3.1", "2.1000", "2.17.1", "-2.17"] {
            assert!(text.parse::<Glibc>().unwrap_err().contains("2.17 or a later"), "{text}");
        }
    }
}
