//! Compiled libraries, loaded into this process.

use std::path::Path;

use sartor_kernels::runtime::{ABI, Level, Program, SessionError};

use super::error::CompileError;
use crate::files::cache_folder::CACHE_VARIABLE;

/// Loads a library for good and asks it for its program.
pub fn load(path: &Path, level: Level) -> Result<&'static Program, CompileError> {
    let error = |what: String| CompileError::Load { path: path.into(), what };
    // SAFETY: the library was built by us from generated code, which runs nothing when loaded.
    let library = unsafe { libloading::Library::new(path) };
    let library = library.map_err(|e| error(reasons(&e) + &no_programs_there(path).unwrap_or_default()))?;
    // A program is `'static`: its library is never unloaded.
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    // SAFETY: generated crates define the function with this signature.
    let program = unsafe { library.get::<unsafe extern "C" fn(u32) -> *const Program>(b"sartor_program") };
    let program = program.map_err(|e| error(reasons(&e)))?;
    // SAFETY: it takes any number and returns null or the address of a static.
    let program = unsafe { program(level as u32) };
    // SAFETY: every version of the contract begins with its number, which is all that is read before it is known to be ours.
    match unsafe { program.cast::<u32>().as_ref() } {
        None => return Err(error(format!("has no program for level {level}"))),
        Some(&abi) if abi != ABI => return Err(SessionError::WrongAbi(abi).into()),
        Some(_) => {}
    }
    // SAFETY: not null, `'static`, and of this version of the contract.
    let program = unsafe { &*program };
    if program.level() == level { Ok(program) } else { Err(error(format!("is for level {}, not {level}", program.level()))) }
}

/// An error with what caused it.
fn reasons(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What to add where the file system forbids to run what is on it.
fn no_programs_there(path: &Path) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let flags = rustix::fs::statvfs(path).ok()?.f_flag;
        let text =
            || format!("; programs must not run from there (it is mounted noexec): {} names another folder", CACHE_VARIABLE);
        flags.contains(rustix::fs::StatVfsMountFlags::NOEXEC).then(text)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}
