//! Loads compiled libraries into this process.

use std::path::Path;

use sartor_kernels::runtime::{ABI, Level, Program, SessionError};

use super::error::CompileError;
use crate::files::cache_folder::CACHE_VARIABLE;

/// Loads a library, which is never unloaded, and gets its program for a level.
///
/// # Errors
/// If the library cannot be loaded, or has no program of this version and level.
pub fn load(path: &Path, level: Level) -> Result<&'static Program, CompileError> {
    load_by(path, "sartor_program", level)
}

/// The same for a library of several networks: `symbol` gives the program of one.
pub fn load_by(path: &Path, symbol: &str, level: Level) -> Result<&'static Program, CompileError> {
    let error = |what: String| CompileError::Load { path: path.into(), what };
    // SAFETY: sartor built the library from generated code, which runs nothing when it is loaded.
    let library = unsafe { libloading::Library::new(path) };
    let library = library.map_err(|e| error(reasons(&e) + &no_programs_there(path).unwrap_or_default()))?;
    // The program is `'static`, so its library must never be unloaded.
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    // SAFETY: generated crates define the function with this signature.
    let program = unsafe { library.get::<unsafe extern "C" fn(u32) -> *const Program>(symbol) };
    let program = program.map_err(|e| error(reasons(&e)))?;
    // SAFETY: the function takes any number and returns null or the address of a static.
    let program = unsafe { program(level as u32) };
    // SAFETY: a program of any version begins with the number of the version. No more is read before it is known to be ours.
    match unsafe { program.cast::<u32>().as_ref() } {
        None => return Err(error(format!("the library has no program for level {level}"))),
        Some(&abi) if abi != ABI => return Err(SessionError::WrongAbi(abi).into()),
        Some(_) => {}
    }
    // SAFETY: the pointer is not null, the program is `'static`, and its version is this one.
    let program = unsafe { &*program };
    if program.level() == level {
        Ok(program)
    } else {
        Err(error(format!("the program is for level {}, not {level}", program.level())))
    }
}

/// An error and its causes, in one line.
fn reasons(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What to add to an error if the file system does not allow programs to run from it.
fn no_programs_there(path: &Path) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let flags = rustix::fs::statvfs(path).ok()?.f_flag;
        let text = || {
            format!(
                "; this file system is mounted noexec, so nothing can be run from it: set {CACHE_VARIABLE} to use another folder"
            )
        };
        flags.contains(rustix::fs::StatVfsMountFlags::NOEXEC).then(text)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}
