//! Makes the static library of one object, in which only the network's functions have names.
//!
//! As rustc leaves it, a static library holds all of Rust's own, under names that a library of another rustc has too: a program could
//! not link both. The functions and what they need become one object, in which all other names are local.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::rustc::{self, BuildError, without_settings};

/// The static library with these functions, made of rustc's in the folder that is to be used.
///
/// # Errors
/// If Rust's tools for objects are missing or fail.
pub(super) fn of(archive: &Path, symbols: &[String], folder: &Path) -> Result<Vec<u8>, BuildError> {
    let sysroot = rustc::sysroot()?;
    let (whole, object) = (folder.join("whole.o"), folder.join("object.o"));
    let mut link = tool(&sysroot, "rust-lld", "ld");
    if link.get_program() != "ld" {
        link.args(["-flavor", "gnu"]);
    }
    link.arg("-r").args(symbols.iter().map(|symbol| format!("--undefined={symbol}"))).arg("-o").arg(&whole).arg(archive);
    run(link, "linker")?;
    let mut copy = tool(&sysroot, "rust-objcopy", "objcopy");
    // The bitcode of Rust's own libraries is of no use here, and makes other tools look for a compiler of the same version.
    copy.args(["--remove-section=.llvmbc", "--remove-section=.llvmcmd", "--remove-section=.comment", "--strip-debug"]);
    copy.args(symbols.iter().map(|symbol| format!("--keep-global-symbol={symbol}"))).arg(&whole).arg(&object);
    run(copy, "objcopy")?;
    let bytes = std::fs::read(&object).map_err(|source| BuildError::Io { path: object, source })?;
    Ok(archived(&bytes, symbols))
}

/// A tool that comes with Rust, or the system's.
fn tool(sysroot: &Path, name: &str, other: &str) -> Command {
    let own = sysroot.join("lib/rustlib").join(env!("SARTOR_TARGET")).join("bin").join(name);
    let mut command = Command::new(if own.is_file() { own } else { PathBuf::from(other) });
    without_settings(&mut command).env("LD_LIBRARY_PATH", sysroot.join("lib"));
    command
}

fn run(mut command: Command, what: &str) -> Result<(), BuildError> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(|error| {
        BuildError::Archive(format!("cannot start the {what}, {}: {error}; install binutils", program.display()))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().take(10).collect();
    Err(BuildError::Archive(format!("{} failed, {}: {}", program.display(), output.status, said.join("\n"))))
}

/// An archive of one object, with the index that linkers look the functions up in.
fn archived(object: &[u8], symbols: &[String]) -> Vec<u8> {
    let mut names: Vec<u8> = symbols.iter().flat_map(|symbol| [symbol.as_bytes(), &[0]].concat()).collect();
    names.resize(names.len().next_multiple_of(2), 0);
    let index_len = 4 + 4 * symbols.len() + names.len();
    let at = (MAGIC.len() + HEADER + index_len) as u32;
    let mut index = (symbols.len() as u32).to_be_bytes().to_vec();
    symbols.iter().for_each(|_| index.extend(at.to_be_bytes()));
    index.extend(names);
    let mut archive = [MAGIC, &header("/", index.len()), &index, &header("network.o/", object.len()), object].concat();
    archive.resize(archive.len().next_multiple_of(2), b'\n');
    archive
}

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// The header of a member that belongs to nobody and was made at no time.
fn header(name: &str, len: usize) -> Vec<u8> {
    let text = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{len:<10}`\n", 0, 0, 0, 644);
    debug_assert_eq!(text.len(), HEADER);
    text.into_bytes()
}
